from itertools import islice

import numpy as np
import pytest

from glassdex.errors import SAEError
from glassdex.sae.chunks import CHUNK_TEXTS
from glassdex.sae.harvest import ROWS_PER_SHARD, harvest
from glassdex.sae.reader import Reader

N_TEXTS = 1400


@pytest.fixture(scope="module")
def reader(tmp_path_factory, write_bert):
    return Reader.load(str(write_bert(tmp_path_factory.mktemp("reader"))), layer=2)


@pytest.fixture(scope="module")
def texts():
    generator = np.random.default_rng(0)
    lengths = generator.integers(0, 60, N_TEXTS)
    return [" ".join(f"w{n}" for n in generator.integers(0, 60, length)) for length in lengths]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, reader, texts):
    return harvest(reader, iter(texts), tmp_path_factory.mktemp("whole"))


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def rows(shards):
    return np.concatenate(list(shards.blocks(4096)))


class KilledError(Exception):
    pass


def until(texts, n):
    yield from texts[:n]
    raise KilledError


def test_every_token_of_every_text_is_kept_in_half_precision(reader, texts, whole):
    states = [batch.hidden for batch in reader.read(reader.tokenize(texts[:CHUNK_TEXTS]))]
    first = np.concatenate(states).astype(np.float16)
    assert np.array_equal(rows(whole)[: len(first)], first)
    assert whole.rows == sum(len(text.split()) for text in texts)
    assert (whole.d_in, whole.reader) == (32, reader.describe())
    assert len(whole.shards) > 2
    assert all(shard.rows >= ROWS_PER_SHARD for shard in whole.shards[:-1])


@pytest.mark.parametrize("killed_after", [100, 800, 1399])
def test_a_killed_run_goes_on_and_ends_the_same(tmp_path, reader, texts, whole, killed_after):
    with pytest.raises(KilledError):
        harvest(reader, until(texts, killed_after), tmp_path)
    harvest(reader, iter(texts), tmp_path)
    assert content(tmp_path) == content(whole.folder)


def test_a_finished_run_is_not_done_again(tmp_path, reader, texts, whole):
    told = []
    again = harvest(reader, iter(texts), whole.folder, on_progress=told.append)
    assert again == whole
    assert told == []


def test_reading_stops_when_there_are_tokens_enough(tmp_path, reader, texts):
    told = []
    stream = iter(texts)
    shards = harvest(reader, stream, tmp_path, tokens=10_000, on_progress=told.append)
    assert told == sorted(told)
    assert told[-2] < 10_000 <= told[-1] == shards.rows
    assert len(list(stream)) + (len(told) + 1) * CHUNK_TEXTS + 1 >= N_TEXTS
    assert np.array_equal(
        rows(harvest(reader, iter(texts), tmp_path, tokens=20_000))[: shards.rows], rows(shards)
    )


def test_the_states_of_another_reader_are_not_mixed_in(tmp_path, texts, write_bert):
    folder = str(write_bert(tmp_path / "reader"))
    few = list(islice(texts, 5))
    harvest(Reader.load(folder, layer=1), few, tmp_path / "states")
    with pytest.raises(SAEError, match="use another folder, or remove this one"):
        harvest(Reader.load(folder, layer=2), few, tmp_path / "states")


@pytest.mark.parametrize("nothing", [[], ["", "  "]])
def test_nothing_to_read(tmp_path, reader, nothing):
    shards = harvest(reader, nothing, tmp_path)
    assert shards.rows == 0
    assert shards.shards == ()
