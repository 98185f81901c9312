"""BEIR's corpus."""

import json
from pathlib import Path
from typing import Any

import pytest

from glassdex.indexer.beir import corpus_of, read_corpus, with_title
from glassdex.indexer.failures import Failure
from glassdex.indexer.record import Record
from glassdex.indexer.source_file import SourceFile


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"title": "T", "text": "x"}, {"text": "T\nx"}),
        ({"title": "", "text": "x"}, {"text": "x"}),
        ({"title": " ", "text": "x"}, {"text": "x"}),
        ({"title": "T", "text": ""}, {"text": "T"}),
        ({"text": "x"}, {"text": "x"}),
        ({"title": 3, "text": "x"}, {"title": 3, "text": "x"}),
        ({"text": "x", "metadata": {"url": "u", "text": "no"}}, {"text": "x", "url": "u"}),
        ({"text": "x", "metadata": {}}, {"text": "x"}),
    ],
)
def test_title_and_metadata(values: dict[str, Any], expected: dict[str, Any]) -> None:
    assert with_title(values) == expected


def test_reads_records_and_failures(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_text(json.dumps({"_id": "d1", "title": "T", "text": "x"}) + "\n{\n")
    assert corpus_of(tmp_path) == path
    file = SourceFile(path, "corpus.jsonl", "beir", "d", "corpus.jsonl", named=True)
    record, failure = read_corpus(file, 1000)
    assert record == Record(1, {"_id": "d1", "text": "T\nx"})
    assert isinstance(failure, Failure)


def test_other_folders_have_no_corpus(tmp_path: Path) -> None:
    assert corpus_of(tmp_path) is None
    (tmp_path / "corpus.jsonl").mkdir()
    assert corpus_of(tmp_path) is None
