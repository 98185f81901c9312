"""File names and the formats they stand for."""

from pathlib import Path

import pytest

from glassdex.indexer.formats import FORMATS, SUFFIXES, format_of, stem_of


@pytest.mark.parametrize(
    ("name", "format_name", "stem"),
    [
        ("a.jsonl", "jsonl", "a"),
        ("a.b.JSONL.GZ", "jsonl", "a.b"),
        ("a.ndjson", "jsonl", "a"),
        ("a.json.gz", "jsonl", "a"),
        ("a.csv", "csv", "a"),
        ("a.tsv.gz", "tsv", "a"),
        ("a.parquet", "parquet", "a"),
        ("notes.v2.md", "text", "notes.v2"),
        ("a.txt", "text", "a"),
        ("a.pdf", None, "a.pdf"),
        ("a.gz", None, "a"),
        ("README", None, "README"),
    ],
)
def test_name_gives_format_and_stem(name: str, format_name: str | None, stem: str) -> None:
    assert format_of(Path(name)) == format_name
    assert stem_of(Path(name)) == stem


def test_every_suffix_has_a_format() -> None:
    assert set(SUFFIXES.values()) | {"beir"} == set(FORMATS)
