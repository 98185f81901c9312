import json
import tracemalloc

import numpy as np
import pytest

from glassdex.errors import SAEError
from glassdex.sae.shards import INDEX, ShardWriter, open_shards, read_shard

READER = {"model": "m", "layers": (3, 4)}


def rows(n, start=0):
    return np.arange(start, start + n, dtype=np.float32)[:, None].repeat(4, axis=1)


def writer(folder, **change):
    return ShardWriter(folder, **{"d_in": 4, "reader": READER, "rows_per_shard": 10} | change)


def everything(folder, block=7):
    return np.concatenate(list(open_shards(folder).blocks(block)))


def test_what_is_written_comes_back_in_order(tmp_path):
    with writer(tmp_path) as out:
        for start in (0, 6, 12, 18):
            out.append(rows(6, start), {"texts": start})
    found = open_shards(tmp_path)
    assert [shard.rows for shard in found.shards] == [12, 12]
    assert (found.d_in, found.rows) == (4, 24)
    assert found.reader == {"model": "m", "layers": [3, 4]}
    assert found.progress == {"texts": 18}
    assert np.array_equal(everything(tmp_path), rows(24))
    assert read_shard(found.shards[0], 4).dtype == np.float16
    assert json.loads((tmp_path / INDEX).read_text())["tokens"] == 24


def test_a_killed_writer_leaves_whole_shards_and_says_what_they_hold(tmp_path):
    out = writer(tmp_path)
    for start in (0, 6, 12):
        out.append(rows(6, start), {"done": start + 6})
    del out
    resumed = writer(tmp_path)
    assert (resumed.rows, resumed.progress) == (12, {"done": 12})
    resumed.append(rows(5, 12), {"done": 17})
    resumed.close()
    assert np.array_equal(everything(tmp_path), rows(17))
    assert open_shards(tmp_path).progress == {"done": 17}


def test_a_shard_that_the_index_does_not_know_is_overwritten(tmp_path):
    with writer(tmp_path) as out:
        out.append(rows(10), {"done": 10})
    (tmp_path / "shard-00001.safetensors").write_bytes(b"half of a shard")
    with writer(tmp_path) as out:
        assert out.rows == 10
        out.append(rows(10, 10))
    assert np.array_equal(everything(tmp_path), rows(20))


def test_an_error_inside_the_block_keeps_only_whole_shards(tmp_path):
    def fail_after_15_rows():
        with writer(tmp_path) as out:
            out.append(rows(10))
            out.append(rows(5, 10))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_15_rows()
    assert writer(tmp_path).rows == 10


def test_progress_without_rows_is_kept_by_close(tmp_path):
    with writer(tmp_path) as out:
        out.append(rows(10), {"done": 1})
        out.append(rows(0), {"done": 2})
    assert open_shards(tmp_path).progress == {"done": 2}


def test_the_caller_may_reuse_its_buffer(tmp_path):
    buffer = np.ones((3, 4), np.float16)
    with writer(tmp_path) as out:
        out.append(buffer)
        buffer[:] = 2
        out.append(buffer)
    assert everything(tmp_path)[:, 0].tolist() == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.zeros((2, 5), np.float32), r"shape \(2, 5\); wanted \(rows, 4\)"),
        (np.zeros(4, np.float32), r"shape \(4,\)"),
        (np.full((1, 4), 7e4, np.float32), "beyond float16"),
        (np.full((1, 4), np.nan, np.float32), "NaN"),
    ],
)
def test_bad_rows_are_refused(tmp_path, values, told):
    with pytest.raises(SAEError, match=told):
        writer(tmp_path).append(values)


@pytest.mark.parametrize("change", [{"d_in": 5}, {"reader": {"model": "other"}}])
def test_a_folder_of_another_reader_is_refused(tmp_path, change):
    with writer(tmp_path) as out:
        out.append(rows(3))
    with pytest.raises(SAEError, match="use another folder"):
        writer(tmp_path, **change)


@pytest.mark.parametrize("change", [{"d_in": 0}, {"rows_per_shard": 0}])
def test_sizes_below_one_are_refused(tmp_path, change):
    with pytest.raises(SAEError, match="wanted both from 1"):
        writer(tmp_path, **change)


def test_split_holds_out_whole_last_shards(tmp_path):
    with writer(tmp_path) as out:
        for start in range(0, 35, 5):
            out.append(rows(5, start))
    train, held_out = open_shards(tmp_path).split(6)
    assert ([s.rows for s in train.shards], [s.rows for s in held_out.shards]) == (
        [10, 10],
        [10, 5],
    )
    assert next(held_out.blocks(1))[0, 0] == 20
    with pytest.raises(SAEError, match="leaves no shard to train on"):
        open_shards(tmp_path).split(26)


MALFORMED_INDEX = {
    "format": (2, "format 2; this version reads format 1"),
    "d_in": (0, "'d_in' is 0"),
    "shards": ([3, 0], r"'shards' is \[3, 0\]"),
}


@pytest.mark.parametrize("field", MALFORMED_INDEX)
def test_a_malformed_index_is_refused(tmp_path, field):
    with writer(tmp_path) as out:
        out.append(rows(3))
    value, told = MALFORMED_INDEX[field]
    index = json.loads((tmp_path / INDEX).read_text())
    (tmp_path / INDEX).write_text(json.dumps(index | {field: value}))
    with pytest.raises(SAEError, match=told):
        open_shards(tmp_path)


def test_damaged_shards_are_refused(tmp_path):
    with pytest.raises(SAEError, match=r"activations\.json is missing"):
        open_shards(tmp_path)
    with writer(tmp_path) as out:
        out.append(rows(3))
    found = open_shards(tmp_path)
    path = found.shards[0].path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SAEError, match="not a whole safetensors file"):
        next(found.blocks(1))
    path.unlink()
    with pytest.raises(SAEError, match=r"is missing; activations\.json lists 1 shards"):
        open_shards(tmp_path)


def test_memory_is_a_few_shards_however_many_there_are(tmp_path):
    out = ShardWriter(tmp_path, 100, reader={}, rows_per_shard=1000)  # 200 kB a shard
    block = np.ones((500, 100), np.float32)
    tracemalloc.start()
    for _ in range(60):
        out.append(block)
    out.close()
    for _ in open_shards(tmp_path).blocks(500):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_200_000
