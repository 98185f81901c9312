"""Which fields are the text and the id."""

from typing import Any

import pytest

from glassdex.errors import InputError
from glassdex.indexer.columns import Columns, choose_columns, settled
from glassdex.indexer.record import Record


def head(*values: dict[str, Any]) -> list[Record]:
    return [Record(i, v) for i, v in enumerate(values, start=1)]


@pytest.mark.parametrize("name", ["text", "content", "body", "document", "abstract"])
def test_well_known_names_are_text(name: str) -> None:
    records = head({"title": "t", name: "a", "note": "n"})
    assert choose_columns(records, "a.csv").text == (name,)


def test_the_first_well_known_name_wins() -> None:
    records = head({"abstract": "a", "body": "b"}, {"text": "c"})
    assert choose_columns(records, "a.csv").text == ("text",)


def test_the_only_field_with_text_is_the_text() -> None:
    records = head({"id": "x1", "sentence": "a", "label": 1}, {"sentence": None})
    assert choose_columns(records, "a.jsonl") == Columns(("sentence",), "id")


def test_numbers_of_an_untyped_table_are_no_text() -> None:
    records = head({"id": "x1", "sentence": "42", "label": "1"}, {"sentence": "so", "label": "0"})
    assert choose_columns(records, "a.csv", untyped=True).text == ("sentence",)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"title": "t", "review": "r"},
            r"2 fields hold text \(title, review\); fields seen: title",
        ),
        ({"label": 1}, r"no field holds text; fields seen: label.*--text-field"),
        ({}, r"no field holds text; fields seen: none"),
    ],
)
def test_what_cannot_be_told_is_an_error(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        choose_columns(head(values), "a.csv")


def test_an_error_lists_a_bounded_number_of_fields() -> None:
    with pytest.raises(InputError, match=r"c19, and 80 more"):
        choose_columns(head({f"c{i}": "x" for i in range(100)}), "a.csv")


@pytest.mark.parametrize("name", ["id", "_id", "doc_id"])
def test_well_known_names_are_ids(name: str) -> None:
    columns = choose_columns(head({"text": "a"}, {name: "1", "text": "b"}), "a.jsonl")
    assert columns == Columns(("text",), name, id_required=False)


def test_named_fields_are_taken() -> None:
    columns = choose_columns(
        head({"prompt": "a", "key": 1}, {"response": "b", "text": "c"}),
        "a.jsonl",
        text_fields=("prompt", "response"),
        id_field="key",
    )
    assert columns == Columns(("prompt", "response"), "key", id_required=True)


@pytest.mark.parametrize(
    ("fields", "id_field", "message"),
    [
        (("prompt", "answer"), None, r"has the field 'answer'; fields seen: prompt, n.*--text-f"),
        (("prompt",), "key", r"none of the first 1 records has the field 'key'.*--id-field"),
    ],
)
def test_named_fields_that_no_record_has(
    fields: tuple[str, ...], id_field: str | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        choose_columns(
            head({"prompt": "a", "n": 1}), "a.jsonl", text_fields=fields, id_field=id_field
        )


@pytest.mark.parametrize(
    ("values", "fields", "id_field", "enough"),
    [
        ({"text": "a", "id": 1}, (), None, True),
        ({"text": "a"}, (), None, False),
        ({"body": "a", "id": 1}, (), None, False),
        ({"a": "x", "b": "y", "_id": 1}, ("a", "b"), None, True),
        ({"a": "x", "_id": 1}, ("a", "b"), None, False),
        ({"a": "x", "_id": 1}, ("a",), "key", False),
        ({"a": "x", "key": 1}, ("a",), "key", True),
    ],
)
def test_one_record_may_settle_it(
    values: dict[str, Any], fields: tuple[str, ...], id_field: str | None, enough: bool
) -> None:
    assert settled(Record(1, values), fields, id_field) is enough
