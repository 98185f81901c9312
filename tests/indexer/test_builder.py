"""From a record to its documents."""

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassdex.indexer.builder import DocumentBuilder
from glassdex.indexer.columns import Columns
from glassdex.indexer.document import Document
from glassdex.indexer.failures import Failure
from glassdex.indexer.record import Record

TEXT_AND_ID = Columns(("text",), "id")


def build(
    values: dict[str, Any],
    columns: Columns = TEXT_AND_ID,
    **options: Any,
) -> list[Document | Failure]:
    settings = {"max_chars": 100} | options
    return list(DocumentBuilder("a.jsonl", "set", columns, **settings).build(Record(7, values)))


def test_text_id_and_metadata() -> None:
    assert build({"id": "d1", "text": " Hello ", "year": 2019, "none": None}) == [
        Document("d1", "set", "text", " Hello ", {"year": 2019})
    ]


@pytest.mark.parametrize(("value", "doc_id"), [("x", "x"), (17, "17"), (0, "0"), (1.5, "1.5")])
def test_ids_become_text(value: object, doc_id: str) -> None:
    (document,) = build({"id": value, "text": "a"})
    assert isinstance(document, Document)
    assert document.doc_id == doc_id


@pytest.mark.parametrize("values", [{}, {"id": None}, {"id": ""}])
def test_without_an_id_the_text_names_the_document(values: dict[str, Any]) -> None:
    (document,) = build({"text": "Grüße"} | values)
    assert isinstance(document, Document)
    assert document.doc_id == "sha256-" + hashlib.sha256("Grüße".encode()).hexdigest()[:16]


def test_fields_of_one_record_share_their_id() -> None:
    columns = Columns(("prompt", "response"))
    one, two = build({"prompt": "Why?", "response": "Because.", "model": "m"}, columns)
    assert isinstance(one, Document)
    assert isinstance(two, Document)
    assert (one.field, one.text, one.metadata) == ("prompt", "Why?", {"model": "m"})
    assert (two.field, two.text, two.metadata) == ("response", "Because.", {"model": "m"})
    assert one.doc_id == two.doc_id
    assert one.point_id != two.point_id


def test_a_field_that_is_missing_does_not_lose_the_other() -> None:
    failure, document = build({"id": 1, "prompt": "Why?"}, Columns(("prompt", "response"), "id"))
    assert isinstance(failure, Failure)
    assert (failure.source, failure.line, failure.doc_id) == ("a.jsonl", 7, "1")
    assert failure.reason == "there is no field 'response'; fields seen: id, prompt"
    assert document == Document("1", "set", "prompt", "Why?")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the text in 'text' is empty"),
        (" \n\t\u2003", "the text in 'text' is empty"),
        ("\0 \0", "the text in 'text' is empty"),
        (None, "the field 'text' is null, wanted a string"),
        (17, "the field 'text' is int, wanted a string"),
        (["a"], "the field 'text' is list, wanted a string"),
        ("x" * 101, "the text in 'text' has 101 characters, more than 100: split it, or raise"),
        ("a\ud83d", "the text in 'text' holds half a surrogate pair"),
    ],
)
def test_a_text_that_cannot_be_a_document(text: object, reason: str) -> None:
    (failure,) = build({"id": "d1", "text": text})
    assert isinstance(failure, Failure)
    assert failure.reason.startswith(reason)
    assert (failure.line, failure.doc_id, failure.notice) == (7, "d1", False)


def test_the_length_limit_is_inclusive() -> None:
    (document,) = build({"id": "d1", "text": "x" * 100})
    assert isinstance(document, Document)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"id": ["d"]}, "the id in 'id' is list, wanted a string"),
        ({"id": True}, "the id in 'id' is bool, wanted a string"),
        ({"id": "\ud800"}, "the id in 'id' holds half a surrogate pair"),
        ({"id": 1, "note": "x" * 20_000}, "the fields besides the text take 20,011 bytes"),
        ({"id": 1, "note": "\ud800"}, "a field besides the text holds half a surrogate pair"),
    ],
)
def test_other_flaws_fail_the_whole_record(values: dict[str, Any], reason: str) -> None:
    (failure,) = build({"text": "a"} | values)
    assert isinstance(failure, Failure)
    assert failure.reason.startswith(reason)


@pytest.mark.parametrize("value", [None, ""])
def test_an_id_the_user_asked_for_is_required(value: object) -> None:
    (failure,) = build({"key": value, "text": "a"}, Columns(("text",), "key", id_required=True))
    assert isinstance(failure, Failure)
    assert failure.reason == "there is no id in the field 'key'"


def test_nul_is_removed_and_mentioned() -> None:
    notice, document = build({"text": "a\0b\0"})
    assert isinstance(notice, Failure)
    assert notice.notice
    assert notice.reason == "2 NUL characters removed from the text"
    assert document == build({"text": "ab"})[0]


def test_cells_become_numbers_in_metadata_only() -> None:
    found = build({"id": "007", "text": "42", "year": "2019"}, untyped=True)
    assert found == [Document("007", "set", "text", "42", {"year": 2019})]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["id", "text", "x", "y"]) | st.text(), JSON, max_size=5))
def test_any_record_gives_a_document_or_a_failure(values: dict[str, Any]) -> None:
    items = build(values)
    documents = [item for item in items if isinstance(item, Document)]
    failed = [item for item in items if isinstance(item, Failure) and not item.notice]
    assert len(documents) + len(failed) == 1
    for document in documents:
        assert document.text.strip()
        assert "\0" not in document.text
        assert document.content_hash
        assert document.point_id
