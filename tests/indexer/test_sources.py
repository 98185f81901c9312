"""Whole sources, as a user names them."""

import csv
import gzip
import io
import json
import random
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassdex.errors import InputError
from glassdex.indexer.document import Document
from glassdex.indexer.failures import Failure
from glassdex.indexer.sources import SourceOptions, read_documents

DATA = Path("/work/shared/data")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data are not at {DATA}")

ROWS: list[dict[str, Any]] = [
    {"id": "d1", "text": "The cat sat.", "year": 2019},
    {"id": "d2", "text": 'A dog, "barking"\nloudly.', "year": 2020},
]
EXPECTED = [(row["id"], row["text"], {"year": row["year"]}) for row in ROWS]


def read(*sources: Path | str, **options: Any) -> tuple[list[Document], list[Failure]]:
    failures: list[Failure] = []
    found = read_documents([str(s) for s in sources], SourceOptions(**options), failures.append)
    return list(found), failures


def write_jsonl(path: Path, rows: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_table(folder: Path, suffix: str) -> Path:
    """ROWS in any format."""
    path = folder / f"rows{suffix.removesuffix('.gz')}"
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif path.suffix in {".csv", ".tsv"}:
        with path.open("w", newline="") as stream:
            writer = csv.writer(stream, delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writerows([list(ROWS[0]), *(list(row.values()) for row in ROWS)])
    else:
        write_jsonl(path, ROWS)
    if suffix.endswith(".gz"):
        packed = folder / f"rows{suffix}"
        packed.write_bytes(gzip.compress(path.read_bytes()))
        return packed
    return path


@pytest.mark.parametrize("gz", ["", ".gz"])
@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet"])
def test_every_format_gives_the_same_documents(tmp_path: Path, suffix: str, gz: str) -> None:
    documents, failures = read(write_table(tmp_path, suffix + gz))
    assert [(d.doc_id, d.text, d.metadata) for d in documents] == EXPECTED
    assert {(d.dataset, d.field) for d in documents} == {("rows", "text")}
    assert failures == []


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    data = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    documents, _ = read("-")
    assert [(d.doc_id, d.text, d.metadata) for d in documents] == EXPECTED
    assert {d.dataset for d in documents} == {"stdin"}


def test_a_folder_of_texts(tmp_path: Path) -> None:
    root = tmp_path / "notes"
    (root / "sub").mkdir(parents=True)
    (root / "b.md").write_text("# B\n")
    (root / "sub" / "a.txt").write_text("A")
    (root / "empty.txt").write_text("")
    documents, (failure,) = read(root)
    assert [(d.doc_id, d.dataset, d.text) for d in documents] == [
        ("b.md", "notes", "# B\n"),
        ("sub/a.txt", "notes", "A"),
    ]
    assert failure.source.endswith("notes/empty.txt")
    assert failure.reason == "the text in 'text' is empty"


def test_a_beir_folder(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "set" / "corpus.jsonl", [{"_id": "d1", "title": "T", "text": "x"}])
    write_jsonl(tmp_path / "set" / "queries.jsonl", [{"_id": "q1", "text": "no document"}])
    documents, _ = read(tmp_path / "set")
    assert documents == [Document("d1", "set", "text", "T\nx")]
    named, _ = read(tmp_path / "set", text_fields=("title", "text"))
    assert named == [Document("d1", "set", "title", "T"), Document("d1", "set", "text", "x")]


def test_ids_do_not_depend_on_order_or_repetition(tmp_path: Path) -> None:
    rows = [{"text": f"text {i}"} for i in range(300)]
    first, _ = read(write_jsonl(tmp_path / "a.jsonl", rows))
    random.Random(0).shuffle(rows)
    second, _ = read(write_jsonl(tmp_path / "a.jsonl", rows + rows[:10]))
    assert {d.point_id for d in first} == {d.point_id for d in second}
    assert len({d.point_id for d in first}) == 300


def test_options_reach_every_document(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [{"key": 7, "q": "Why?", "a": "So.", "n": 1}])
    documents, _ = read(path, text_fields=("q", "a"), id_field="key", dataset="faq")
    assert documents == [
        Document("7", "faq", "q", "Why?", {"n": 1}),
        Document("7", "faq", "a", "So.", {"n": 1}),
    ]


def test_a_field_missing_from_some_records_fails_those(tmp_path: Path) -> None:
    rows = [{"id": i, "prompt": "p"} for i in range(120)]
    rows[50] = {"id": 50, "prompt": "p", "response": "r"}
    documents, failures = read(
        write_jsonl(tmp_path / "a.jsonl", rows), text_fields=("prompt", "response")
    )
    assert len(documents) == 121
    assert {failure.line for failure in failures} == {*range(1, 121)} - {51}


def test_a_field_missing_from_the_first_hundred_is_an_error(tmp_path: Path) -> None:
    rows = [{"id": i, "prompt": "p"} for i in range(100)] + [{"id": 1, "response": "r"}]
    path = write_jsonl(tmp_path / "a.jsonl", rows)
    with pytest.raises(InputError, match=r"none of the first 100 records has the field 'response'"):
        read(path, text_fields=("response",))


def test_bad_records_before_and_between_good_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'oops\n{"text": ""}\n{"text": "a"}\n\xff\n{"text": "b"}\n{"text": 1}\n')
    documents, failures = read(path)
    assert [d.text for d in documents] == ["a", "b"]
    assert {failure.line for failure in failures} == {1, 2, 4, 6}


def test_max_chars(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [{"text": "x" * 11}, {"text": "x" * 10}])
    documents, (failure,) = read(path, max_chars=10)
    assert len(documents) == 1
    assert "has 11 characters, more than 10" in failure.reason
    assert "GLASSDEX_MAX_DOCUMENT_CHARS" in failure.reason


def test_a_long_text_is_readable_when_the_limit_allows_it(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", [{"text": "é" * 3_000_000}])
    documents, failures = read(path, max_chars=3_000_000)
    assert len(documents[0].text) == 3_000_000
    assert failures == []


def test_one_broken_file_does_not_stop_the_rest(tmp_path: Path) -> None:
    packed = gzip.compress(b'{"text": "before"}\n' * 3)
    (tmp_path / "a.jsonl.gz").write_bytes(packed[:-10])
    (tmp_path / "b.json").write_text('[{"text": "array"}]')
    (tmp_path / "c.csv").write_text("x,y\na,b\n")
    (tmp_path / "d.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "e.jsonl").write_text("")
    (tmp_path / "f.jsonl").write_text('{"text": "last"}\n')
    documents, failures = read(tmp_path)
    assert documents[-1].text == "last"
    assert [(Path(f.source).name, f.notice) for f in failures] == [
        ("a.jsonl.gz", False),
        ("b.json", False),
        ("c.csv", False),
        ("d.parquet", False),
        ("e.jsonl", True),
    ]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.json", b'[{"text": "array"}]', "holds one JSON array"),
        ("a.csv", b"x,y\na,b\n", "2 fields hold text"),
        ("a.jsonl", b"", r"no document in '.*a\.jsonl'; the first problem: .*no record in it"),
        ("a.jsonl", b"oops\n", r"no document in .*a\.jsonl:1: malformed JSON"),
        ("a.jsonl.gz", b"oops", r"no document in .*Not a gzipped file"),
        ("a.parquet", b"PAR1", r"no document in .*damaged Parquet file"),
        ("a.txt", b" ", r"no document in .*is empty"),
    ],
)
def test_a_named_file_without_documents_is_an_error(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no document in"):
        read(tmp_path)


def test_sources_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    good = write_jsonl(tmp_path / "a.jsonl", ROWS)
    with pytest.raises(InputError, match="no file or folder"):
        read_documents([str(good), str(tmp_path / "gone.jsonl")], SourceOptions(), print)
    with pytest.raises(InputError, match="no source given"):
        read_documents([], SourceOptions(), print)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.binary(max_size=30) | st.just(b'{"text": "good"}'), max_size=6),
    st.sampled_from([".jsonl", ".csv", ".tsv", ".txt", ".jsonl.gz", ".parquet"]),
)
def test_any_bytes_give_documents_failures_or_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    data = b"\n".join(lines)
    path.write_bytes(gzip.compress(data) if suffix.endswith(".gz") else data)
    try:
        documents, failures = read(path)
    except InputError:
        return
    assert documents
    failed = [failure for failure in failures if not failure.notice]
    if "jsonl" in suffix:
        filled = [line for line in data.split(b"\n") if line.strip()]
        assert len(documents) + len(failed) == len(filled)


def test_memory_does_not_grow_with_the_source(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        path = tmp_path / f"{count}.jsonl"
        with path.open("w") as stream:
            for i in range(count):
                stream.write(json.dumps({"id": i, "text": f"{i} " * 300}) + "\n")
        tracemalloc.start()
        found = sum(1 for _ in read_documents([str(path)], SourceOptions(), print))
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found == count
        return size

    assert peak(4000) < peak(400) + 100_000


@needs_data
def test_real_retrieval_sets_read_whole() -> None:
    documents, failures = read(DATA / "retrieval")
    assert Counter(d.dataset for d in documents) == {
        "citation_intent": 1424,
        "clinc_intents": 2340,
        "goemotions": 2600,
        "gum_genres": 1355,
        "persona_statements": 2300,
        "unhealthy_comments": 1500,
    }
    assert failures == []


@needs_data
def test_real_answers_without_text_are_listed() -> None:
    documents, failures = read(DATA / "models", text_fields=("prompt", "text"))
    empty = Counter(Path(failure.source).name.split(".")[0] for failure in failures)
    assert empty == {"gemma_2b_it": 22, "text_davinci_003": 2}
    assert len(documents) + len(failures) == 2 * (8 * 805 - 1)
