"""Lines in bounded memory."""

import gzip
import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassdex.errors import InputError
from glassdex.indexer.failures import Failure
from glassdex.indexer.lines import MAX_BYTES, Line, read_lines
from glassdex.indexer.source_file import SourceFile


def source(path: Path) -> SourceFile:
    return SourceFile(path, path.name, "jsonl", "d", path.name, named=True)


def lines_of(path: Path, max_bytes: int = MAX_BYTES) -> list[Line | Failure]:
    return list(read_lines(source(path), max_bytes))


def data_of(path: Path) -> list[bytes]:
    return [line.data for line in lines_of(path) if isinstance(line, Line)]


def test_line_ends_and_byte_order_mark_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\n\r\nlast")
    assert data_of(path) == [b"one", b"two", b"", b"last"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=12), max_size=8), st.integers(1, 10))
def test_every_line_comes_whole_or_marked_as_cut(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], max_bytes: int
) -> None:
    parts = [part.replace(b"\n", b"").replace(b"\r", b"") for part in parts]
    if parts and parts[0][:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return
    path = tmp_path_factory.getbasetemp() / "lines"
    path.write_bytes(b"".join(part + b"\n" for part in parts))
    found = lines_of(path, max_bytes)
    assert [line.number for line in found if isinstance(line, Line)] == [*range(1, len(parts) + 1)]
    for part, line in zip(parts, found, strict=True):
        assert isinstance(line, Line)
        expected = part.removeprefix(b"\xef\xbb\xbf") if line.number == 1 else part
        assert line.size == len(expected)
        assert line.cut or line.data == expected
        assert not line.cut or len(part) > max_bytes


def test_a_huge_line_is_passed_over_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with path.open("wb") as stream:
        stream.write(b"first\n")
        for _ in range(64):
            stream.write(b"x" * 2**20)
        stream.write(b"\nlast\n")
    tracemalloc.start()
    first, huge, last = lines_of(path, max_bytes=2**20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(first, Line)
    assert isinstance(huge, Line)
    assert isinstance(last, Line)
    assert (first.data, last.data, last.number) == (b"first", b"last", 3)
    assert huge.cut
    assert huge.size == 64 * 2**20
    assert peak < 8 * 2**20


def test_truncated_gzip_gives_what_is_there_and_one_failure(tmp_path: Path) -> None:
    whole = b"".join(b'{"text": "number %d"}\n' % i for i in range(5000))
    path = tmp_path / "a.jsonl.gz"
    packed = gzip.compress(whole)
    path.write_bytes(packed[: len(packed) // 2])
    *lines, failure = lines_of(path)
    assert isinstance(failure, Failure)
    assert failure.line == len(lines) + 1
    assert "ends too early" in failure.reason
    assert len(lines) > 1000
    assert [line.data for line in lines if isinstance(line, Line)] == whole.splitlines()[
        : len(lines)
    ]


@pytest.mark.parametrize("where", [30, 2000])
def test_damaged_gzip_is_a_failure(tmp_path: Path, where: int) -> None:
    packed = bytearray(gzip.compress(bytes(i * i % 251 for i in range(100_000)), mtime=0))
    packed[where : where + 8] = b"\xff" * 8
    path = tmp_path / "a.gz"
    path.write_bytes(packed)
    assert isinstance(lines_of(path)[-1], Failure)


def test_a_name_that_claims_gzip_wrongly_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_text('{"text": "plain"}\n')
    (failure,) = lines_of(path)
    assert isinstance(failure, Failure)
    assert "Not a gzipped file" in failure.reason


def test_a_file_that_vanished_is_a_failure(tmp_path: Path) -> None:
    (failure,) = lines_of(tmp_path / "gone")
    assert isinstance(failure, Failure)
    assert failure.reason == "cannot be read: No such file or directory"


def test_utf16_is_named_with_its_remedy(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "x"}\n', encoding="utf-16")
    with pytest.raises(InputError, match=r"a\.jsonl is UTF-16, wanted UTF-8: iconv"):
        lines_of(path)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\nb")))
    file = SourceFile(None, "stdin", "jsonl", "stdin", "stdin", named=True)
    assert [line.data for line in read_lines(file, 10) if isinstance(line, Line)] == [b"a", b"b"]
