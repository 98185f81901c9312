"""JSON Lines, good and bad."""

from pathlib import Path

import pytest

from glassdex.errors import InputError
from glassdex.indexer.failures import Failure
from glassdex.indexer.jsonl import read_jsonl
from glassdex.indexer.record import Record
from glassdex.indexer.source_file import SourceFile


def read(path: Path, max_bytes: int = 10_000) -> list[Record | Failure]:
    file = SourceFile(path, path.name, "jsonl", "d", path.name, named=True)
    return list(read_jsonl(file, max_bytes))


def write(folder: Path, data: bytes, name: str = "a.jsonl") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_objects_with_their_line_numbers(tmp_path: Path) -> None:
    path = write(tmp_path, b'\xef\xbb\xbf{"text": "a"}\r\n\n  \n{"text": "b", "n": [1, null]}')
    assert read(path) == [
        Record(1, {"text": "a"}),
        Record(4, {"text": "b", "n": [1, None]}),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "cut', "malformed JSON: Unterminated string starting at at column 10"),
        (b'{"text": "a"} {', "malformed JSON: Extra data at column 15"),
        (b"[1, 2]", "not a JSON object but an array"),
        (b'"just text"', "not a JSON object but a string"),
        (b"17", "not a JSON object but a number"),
        (b"true", "not a JSON object but a truth value"),
        (b"null", "not a JSON object but null"),
        (b'{"text": "caf\xe9"}', "not UTF-8: byte 0xe9 at position 14"),
        (b'{"text": "\xed\xa0\x80"}', "not UTF-8"),
        (b'{"n": ' + b"9" * 5000 + b"}", "JSON that cannot be read"),
        (b"[" * 9000, "JSON that cannot be read"),
        (b'{"text": "' + b"x" * 20_000 + b'"}', "the line has 20,012 bytes, more than 10,000"),
    ],
)
def test_a_bad_line_is_one_failure_and_reading_goes_on(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    path = write(tmp_path, b'{"text": "a"}\n' + line + b'\n{"text": "b"}\n')
    first, bad, last = read(path)
    assert (first, last) == (Record(1, {"text": "a"}), Record(3, {"text": "b"}))
    assert isinstance(bad, Failure)
    assert (bad.source, bad.line) == ("a.jsonl", 2)
    assert bad.reason.startswith(reason)
    assert bad.excerpt


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b'[{"text": "a"}, {"text": "b"}]', "a.json"),
        (b'[\n{"text": "a"},\n{"text": "b"}\n]', "a.json"),
        (b'[\n{"text": "a"},\n{"text": "b"}\n]', "a.jsonl"),
        (b'\n [{"text": "' + b"x" * 20_000 + b'"}]', "a.jsonl"),
    ],
)
def test_a_json_array_is_refused_with_its_conversion(
    tmp_path: Path, data: bytes, name: str
) -> None:
    with pytest.raises(InputError, match=r"one JSON array, wanted one object per line: jq -c"):
        read(write(tmp_path, data, name))


def test_indented_json_is_refused_with_its_conversion(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"spread over several lines.*jq -c \."):
        read(write(tmp_path, b'{\n  "text": "a"\n}\n'))


def test_an_array_on_the_first_of_many_lines_is_only_one_bad_line(tmp_path: Path) -> None:
    bad, good = read(write(tmp_path, b'[1]\n{"text": "a"}\n'))
    assert isinstance(bad, Failure)
    assert good == Record(2, {"text": "a"})
