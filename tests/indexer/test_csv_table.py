"""CSV and TSV, good and bad."""

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassdex.errors import InputError
from glassdex.indexer.csv_table import read_csv, read_tsv
from glassdex.indexer.failures import Failure
from glassdex.indexer.record import Record
from glassdex.indexer.source_file import SourceFile


def read(path: Path, max_bytes: int = 1_000_000) -> list[Record | Failure]:
    reader = read_tsv if path.suffix == ".tsv" else read_csv
    return list(reader(SourceFile(path, path.name, "csv", "d", path.name, named=True), max_bytes))


def write(folder: Path, data: bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_rows_with_their_first_line_numbers(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbfid, text\r\n1,"two\r\nlines, and ""quotes"""\r\n\r\n,,\n2,plain\n'
    assert read(write(tmp_path, data)) == [
        Record(2, {"id": "1", "text": 'two\nlines, and "quotes"'}),
        Record(6, {"id": "2", "text": "plain"}),
    ]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", b"id;text\n1;one, two\n"),
        ("a.csv", b"id\ttext\n1\tone, two\n"),
        ("a.tsv", b"id\ttext\n1\tone, two\n"),
    ],
)
def test_other_separators(tmp_path: Path, name: str, data: bytes) -> None:
    assert read(write(tmp_path, data, name)) == [Record(2, {"id": "1", "text": "one, two"})]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\r")), min_size=3, max_size=3
        ),
        max_size=5,
    )
)
def test_reads_whatever_the_standard_library_writes(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["a", "b", "c"], *rows])
    found = [list(item.values.values()) for item in read(path) if isinstance(item, Record)]
    assert found == [row for row in rows if any(cell.strip() for cell in row)]


def test_wrong_number_of_columns_is_a_failure(tmp_path: Path) -> None:
    few, good, many = read(write(tmp_path, b"id,text\n1\n2,b\n3,c,d\n"))
    assert isinstance(few, Failure)
    assert isinstance(many, Failure)
    assert (few.line, few.reason) == (2, "the row has 1 columns, the header 2")
    assert good == Record(3, {"id": "2", "text": "b"})
    assert (many.line, many.reason) == (4, "the row has 3 columns, the header 2")


def test_an_open_quotation_mark_loses_one_row_only(tmp_path: Path) -> None:
    data = b'id,text\n1,"never closed\n2,b\n3,"c, d"\n4,e\n'
    bad, *good = read(write(tmp_path, data))
    assert isinstance(bad, Failure)
    assert bad.line == 2
    assert "begins with a quotation mark must end with one" in bad.reason
    assert good == [
        Record(3, {"id": "2", "text": "b"}),
        Record(4, {"id": "3", "text": "c, d"}),
        Record(5, {"id": "4", "text": "e"}),
    ]


def test_an_open_quotation_mark_at_the_end(tmp_path: Path) -> None:
    bad, good = read(write(tmp_path, b'id,text\n1,"never closed\n2,b\n'))
    assert isinstance(bad, Failure)
    assert good == Record(3, {"id": "2", "text": "b"})


def test_an_open_quotation_mark_holds_a_bounded_number_of_lines(tmp_path: Path) -> None:
    data = b'id,text\n1,"never closed\n' + b"2,b\n" * 1000
    bad, *good = read(write(tmp_path, data), max_bytes=10_000)
    assert isinstance(bad, Failure)
    assert "does not end within 10,000 bytes" in bad.reason
    assert len(good) == 1000


def test_cells_beyond_the_standard_library_s_limit(tmp_path: Path) -> None:
    long = "x" * 200_000
    (record,) = read(write(tmp_path, f"id,text\n1,{long}\n".encode()))
    assert record == Record(2, {"id": "1", "text": long})


def test_a_line_beyond_our_limit_is_a_failure(tmp_path: Path) -> None:
    bad, good = read(write(tmp_path, b"id,text\n1," + b"x" * 2000 + b"\n2,b\n"), max_bytes=1000)
    assert isinstance(bad, Failure)
    assert "more than 1,000" in bad.reason
    assert good == Record(3, {"id": "2", "text": "b"})


def test_windows_1252_fails_row_by_row_with_the_remedy(tmp_path: Path) -> None:
    bad, good = read(write(tmp_path, "id,text\n1,it’s\n2,b\n".encode("cp1252")))
    assert isinstance(bad, Failure)
    assert bad.reason.startswith("not UTF-8: byte 0x92 at position 5")
    assert "iconv -f WINDOWS-1252" in bad.reason
    assert good == Record(3, {"id": "2", "text": "b"})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"id,text,id\n1,a,2\n", "names id more than once"),
        (b'id,"text\n', "the header row cannot be read"),
        (b"id,te\xffxt\n1,a\n", "the header row cannot be read: not UTF-8"),
        ("id\ttext\n".encode("utf-16"), "is UTF-16"),
    ],
)
def test_a_bad_header_is_an_error(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(write(tmp_path, data))


def test_a_column_without_a_name_gets_one(tmp_path: Path) -> None:
    assert read(write(tmp_path, b",text\n0,a\n")) == [Record(2, {"column_1": "0", "text": "a"})]


@pytest.mark.parametrize("data", [b"", b"id,text\n", b"\n\n"])
def test_nothing_to_read(tmp_path: Path, data: bytes) -> None:
    assert read(write(tmp_path, data)) == []
