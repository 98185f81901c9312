"""Identity and content hash of documents."""

import hashlib
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassdex.indexer.document import NAMESPACE, Document, canonical_json

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def test_point_id_is_the_published_uuid5() -> None:
    document = Document("d1", "news", "text", "Hello")
    assert document.point_id == str(uuid.uuid5(NAMESPACE, "news\x1fd1\x1ftext"))
    # Fixed for ever: an index written today must be found by tomorrow's ids.
    assert document.point_id == "334811a4-10c2-5188-a7e3-936e9492a9d4"


def test_point_id_ignores_text_and_metadata() -> None:
    one = Document("d1", "news", "text", "Hello", {"year": 2019})
    other = Document("d1", "news", "text", "Good evening")
    assert one.point_id == other.point_id


@pytest.mark.parametrize("change", [{"doc_id": "d2"}, {"dataset": "old"}, {"field": "title"}])
def test_point_id_changes_with_each_part(change: dict[str, str]) -> None:
    parts = {"doc_id": "d1", "dataset": "news", "field": "text", "text": "Hello"}
    assert Document(**parts).point_id != Document(**(parts | change)).point_id


def test_content_hash_is_sha256_of_text_and_metadata() -> None:
    document = Document("d1", "news", "text", "Grüße", {"b": 1, "a": [True, "ä"]})
    expected = hashlib.sha256("Grüße".encode() + b'\0{"a":[true,"\xc3\xa4"],"b":1}').hexdigest()
    assert document.content_hash == expected[:16]


def test_content_hash_ignores_the_order_of_metadata() -> None:
    one = Document("d", "n", "text", "x", {"a": 1, "b": 2})
    other = Document("d", "n", "text", "x", {"b": 2, "a": 1})
    assert one.content_hash == other.content_hash


@given(TEXTS, TEXTS)
def test_content_hash_tells_texts_apart(a: str, b: str) -> None:
    one, other = Document("d", "n", "text", a), Document("d", "n", "text", b)
    assert (one.content_hash == other.content_hash) == (a == b)


def test_canonical_json_refuses_what_json_does_not_have() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"x": float("nan")})
