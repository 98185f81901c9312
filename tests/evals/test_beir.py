"""Loading retrieval sets."""

import gzip
import json
from pathlib import Path

import pytest

from glassdex.errors import InputError
from glassdex.evals.beir import load_beir
from glassdex.indexer.document import Document
from glassdex.indexer.failures import Failure

CORPUS = [{"_id": "d1", "title": "T", "text": "one"}, {"_id": "d2", "title": "", "text": "two"}]
QUERIES = [{"_id": "q2", "text": "second"}, {"_id": "q1", "text": "first"}]
QRELS = "query-id\tcorpus-id\tscore\nq2\td2\t1\nq1\td1\t2\nq1\td2\t0\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in CORPUS))
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in QUERIES))
    (folder / "qrels" / "test.tsv").write_text(QRELS)
    return folder


def test_loads_queries_judgements_and_documents(folder: Path) -> None:
    beir = load_beir(folder)
    assert (beir.name, beir.size) == ("tiny", 2)
    assert list(beir.queries.items()) == [("q1", "first"), ("q2", "second")]
    assert beir.qrels == {"q1": {"d1": 2, "d2": 0}, "q2": {"d2": 1}}
    expected = [Document("d1", "tiny", "text", "T\none"), Document("d2", "tiny", "text", "two")]
    assert list(beir.documents()) == expected
    assert list(beir.documents()) == expected


def test_compressed_files_and_other_splits(folder: Path) -> None:
    for name in ("corpus.jsonl", "queries.jsonl"):
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()
    (folder / "qrels" / "test.tsv").rename(folder / "qrels" / "dev.tsv")
    assert load_beir(folder, split="dev").size == 2
    with pytest.raises(InputError, match=r"test\.tsv' is missing; judgements that are there: dev"):
        load_beir(folder)


def test_judgements_without_a_header(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_text("q1\td1\t1\r\n\n")
    assert load_beir(folder).qrels == {"q1": {"d1": 1}}


def test_queries_nobody_judged_are_left_out(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_text("q1\td1\t1\n")
    assert list(load_beir(folder).queries) == ["q1"]


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match=rf"is no BEIR folder: there is no {name}"):
        load_beir(folder)


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no BEIR folder"):
        load_beir(tmp_path / "gone")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q1\td1\n", r"test\.tsv:2: wanted query-id<TAB>corpus-id<TAB>score"),
        ("q1 d1 1\n", r"test\.tsv:2: wanted"),
        ("q1\td1\t0.5\n", r"test\.tsv:2: wanted.*whole number"),
        ("q1\td1\t1\nq1\td1\t0\n", r"test\.tsv:3: q1 d1 is judged twice"),
        ("", "has no judgement"),
        ("q9\td1\t1\n", r"1 judged queries are not among its queries, such as 'q9'"),
        ("q1\td9\t1\n", r"none of the 1 relevant documents is in the corpus, such as 'd9'"),
    ],
)
def test_bad_judgements(folder: Path, line: str, message: str) -> None:
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + line)
    with pytest.raises(InputError, match=message):
        load_beir(folder)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"_id": "q1"', r"queries\.jsonl:1: malformed JSON"),
        ('{"_id": "q1"}', r"queries\.jsonl:1: wanted a query as"),
        ('{"_id": "q1", "text": " "}', r"queries\.jsonl:1: wanted a query as"),
        ('{"text": "a"}', r"queries\.jsonl:1: wanted a query as"),
        ('{"_id": "q1", "text": "a"}\n{"_id": "q1", "text": "b"}', r":2: the query 'q1' is there"),
    ],
)
def test_bad_queries(folder: Path, line: str, message: str) -> None:
    (folder / "queries.jsonl").write_text(line + "\n")
    with pytest.raises(InputError, match=message):
        load_beir(folder)


def test_documents_that_cannot_be_read_are_an_error_or_a_list(folder: Path) -> None:
    with (folder / "corpus.jsonl").open("a") as stream:
        stream.write('{"_id": "d3", "text": ""}\n')
    with pytest.raises(InputError, match=r"corpus\.jsonl:3: the text in 'text' is empty"):
        load_beir(folder)
    failures: list[Failure] = []
    beir = load_beir(folder, on_failure=failures.append)
    assert (beir.size, len(list(beir.documents()))) == (2, 2)
    assert [failure.doc_id for failure in failures] == ["d3"]


def test_relevant_documents_outside_the_corpus_are_mentioned(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_text("q1\td1\t1\nq1\td9\t1\n")
    failures: list[Failure] = []
    assert load_beir(folder, on_failure=failures.append).qrels["q1"] == {"d1": 1, "d9": 1}
    (notice,) = failures
    assert notice.notice
    assert notice.reason == "1 of 2 relevant documents are not in the corpus"
