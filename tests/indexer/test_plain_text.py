"""Text files as documents."""

import gzip
from pathlib import Path

import pytest

from glassdex.indexer.failures import Failure
from glassdex.indexer.plain_text import read_text
from glassdex.indexer.record import Record
from glassdex.indexer.source_file import SourceFile


def read(path: Path, max_bytes: int = 1000) -> Record | Failure:
    (item,) = read_text(
        SourceFile(path, path.name, "text", "d", "sub/a.txt", named=True), max_bytes
    )
    return item


def test_line_ends_become_one_kind(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    assert read(path) == Record(None, {"doc_id": "sub/a.txt", "text": "one\ntwo\nthree\n"})


def test_compressed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress("Grüße".encode()))
    assert read(path) == Record(None, {"doc_id": "sub/a.txt", "text": "Grüße"})


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.txt", "it’s".encode("cp1252"), "not UTF-8: byte 0x92 at position 3"),
        ("a.txt", "text".encode("utf-16"), "UTF-16, wanted UTF-8"),
        ("a.txt", b"x" * 1001, "the file has more than 1,000 bytes"),
        ("a.txt.gz", gzip.compress(b"x" * 500)[:-9], "the compressed file ends too early"),
    ],
)
def test_a_bad_file_is_one_failure(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    failure = read(path)
    assert isinstance(failure, Failure)
    assert failure.reason.startswith(reason)
    assert failure.doc_id == "sub/a.txt"
