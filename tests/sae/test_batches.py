import tracemalloc
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassdex.errors import SAEError
from glassdex.sae.batches import ArraySource, ShardSource
from glassdex.sae.shards import ShardWriter, open_shards


def numbered(n, d_in=3):
    return np.arange(n, dtype=np.float32)[:, None].repeat(d_in, axis=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """103 rows that hold their own number, in shards of 10 and a last one of 3."""
    path = tmp_path_factory.mktemp("shards")
    with ShardWriter(path, 3, reader={"model": "m"}, rows_per_shard=10) as out:
        for start in range(0, 103, 5):
            out.append(numbered(103)[start : start + 5])
    return open_shards(path)


def sources(folder):
    return [ShardSource(folder, window_shards=3), ArraySource(numbered(103), {"model": "m"})]


def ids(batches):
    return [batch[:, 0].astype(int).tolist() for batch in batches]


@settings(deadline=None, max_examples=40)
@given(size=st.integers(2, 60), epochs=st.integers(1, 3), seed=st.integers(0, 5), data=st.data())
def test_a_stream_can_start_at_any_step(folder, size, epochs, seed, data):
    for source in sources(folder):
        whole = ids(source.batches(size, epochs=epochs, seed=seed))
        assert len(whole) == 103 * epochs // size
        assert {len(batch) for batch in whole} <= {size}
        start = data.draw(st.integers(0, len(whole)))
        rest = ids(source.batches(size, epochs=epochs, seed=seed, start_step=start))
        assert rest == whole[start:]


def test_each_epoch_holds_every_row_once(folder):
    for source in sources(folder):
        flat = [row for batch in ids(source.batches(2, epochs=4, seed=1)) for row in batch]
        epochs = [flat[i : i + 103] for i in range(0, 412, 103)]
        for epoch in epochs:
            assert sorted(epoch) == list(range(103))
        assert len({tuple(epoch) for epoch in epochs}) == 4


def test_the_seed_fixes_the_order_and_another_changes_it(folder):
    for source in sources(folder):
        first, again, other = (ids(source.batches(10, epochs=1, seed=s)) for s in (1, 1, 2))
        assert first == again != other
        assert first[0] != sorted(first[0])


def test_rows_of_a_windows_shards_are_mixed(folder):
    first = ids(ShardSource(folder, window_shards=3).batches(20, epochs=1, seed=0))[0]
    assert len({row // 10 for row in first}) >= 2


def test_batches_are_float32_and_say_what_they_are(folder):
    for source in sources(folder):
        batch = next(source.batches(4, epochs=1, seed=0))
        assert (batch.dtype, batch.shape) == (np.float32, (4, 3))
        assert (source.d_in, source.rows, source.reader) == (3, 103, {"model": "m"})


def test_fewer_rows_than_a_batch_are_refused(folder):
    for source in sources(folder):
        with pytest.raises(SAEError, match="103 hidden states do not fill one batch of 104"):
            next(source.batches(104, epochs=1, seed=0))


def test_memory_is_one_window(tmp_path):
    block = np.ones((1000, 100), np.float32)
    with ShardWriter(tmp_path, 100, reader={}, rows_per_shard=1000) as out:  # 200 kB a shard
        for _ in range(30):
            out.append(block)
    source = ShardSource(open_shards(tmp_path), window_shards=2)
    tracemalloc.start()
    for _ in islice(source.batches(100, epochs=2, seed=0), 600):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # One window and one shard being read, float16, and one piece of float32 rows.
    assert peak < 2_500_000
