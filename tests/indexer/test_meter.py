"""Bytes are counted as they are stored, once each, for every format."""

import gzip
import io
import json

import pytest

from glassdex.indexer.meter import Meter
from glassdex.indexer.sources import SourceOptions, read_documents, total_bytes

LINES = "".join(json.dumps({"id": n, "text": f"text number {n} " * 20}) + "\n" for n in range(2000))


@pytest.fixture(params=["plain.jsonl", "packed.jsonl.gz"])
def source(request, tmp_path):
    path = tmp_path / request.param
    data = LINES.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def test_all_bytes_of_a_file_are_counted_as_stored(source):
    options = SourceOptions()
    assert len(list(read_documents([str(source)], options, lambda _: None))) == 2000
    assert options.meter.read == source.stat().st_size == total_bytes([str(source)])


def test_reading_is_counted_while_it_goes_on(source):
    options = SourceOptions()
    documents = read_documents([str(source)], options, lambda _: None)
    next(documents)
    begun = options.meter.read
    assert 0 < begun < source.stat().st_size or source.suffix == ".gz"
    list(documents)
    assert options.meter.read >= begun


def test_a_folder_is_the_sum_of_its_files(tmp_path):
    (tmp_path / "a.txt").write_text("twelve bytes")
    (tmp_path / "b.md").write_text("five!")
    (tmp_path / "c.unknown").write_text("not read")
    assert total_bytes([str(tmp_path)]) == 17


def test_the_end_of_standard_input_is_not_known(tmp_path):
    (tmp_path / "a.txt").write_text("twelve bytes")
    assert total_bytes([str(tmp_path), "-"]) is None


def test_a_counted_stream_seeks_and_closes_its_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    raw, meter = io.FileIO(path), Meter()
    with meter.counted(raw) as stream:
        stream.seek(4)
        assert stream.read(3) == b"456"
        assert stream.tell() == 7
    assert raw.closed
    assert meter.read >= 3
