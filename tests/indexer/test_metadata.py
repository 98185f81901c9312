"""The fields besides text and id."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glassdex.indexer.metadata import MAX_METADATA_BYTES, cell_value, metadata_of


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("", None),
        ("2019", 2019),
        ("-3", -3),
        ("0.50", 0.5),
        ("1e3", 1000.0),
        ("007", "007"),
        ("1,5", "1,5"),
        ("+1", "+1"),
        ("1_000", "1_000"),
        ("NaN", "NaN"),
        ("1e999", "1e999"),
        ("١٢", "١٢"),
        ("12345678901234567890", "12345678901234567890"),
        (" 1", " 1"),
        ("true", "true"),
    ],
)
def test_cells_that_spell_a_number_are_numbers(cell: str, value: object) -> None:
    found = cell_value(cell)
    assert found == value
    assert type(found) is type(value)


@given(st.integers(-(10**17), 10**17) | st.floats(-1e300, 1e300))
def test_every_number_python_writes_is_read_back(number: float) -> None:
    assert cell_value(repr(number)) == number


def test_keeps_all_but_the_known_fields_and_empty_values() -> None:
    values = {"text": "a", "id": 1, "year": 2019, "tags": ["x", None], "gone": None, "on": False}
    found = metadata_of(values, without=("text", "id"))
    assert found == {"year": 2019, "tags": ["x", None], "on": False}


def test_numbers_no_engine_holds() -> None:
    values = {"nan": float("nan"), "inf": float("-inf"), "big": 2**63, "min": -(2**63)}
    nested = {"inner": {"nan": float("nan"), "big": [2**70]}}
    assert metadata_of(values | nested, without=()) == {
        "inf": "-inf",
        "big": str(2**63),
        "min": -(2**63),
        "inner": {"nan": None, "big": [str(2**70)]},
    }


def test_cells_of_an_untyped_table() -> None:
    assert metadata_of({"year": "2019", "note": "x", "no": ""}, without=(), untyped=True) == {
        "year": 2019,
        "note": "x",
    }


def test_the_size_limit_is_exact_and_in_bytes() -> None:
    room = MAX_METADATA_BYTES - len(json.dumps({"k": ""}, separators=(",", ":")))
    assert isinstance(metadata_of({"k": "ä" * (room // 2)}, without=()), dict)
    reason = metadata_of({"k": "ä" * (room // 2) + "xx"}, without=())
    assert isinstance(reason, str)
    assert "more than 16,384" in reason


def test_half_a_surrogate_pair_is_refused() -> None:
    assert "surrogate" in metadata_of({"k": ["\ud800"]}, without=())
    assert "surrogate" in metadata_of({"\ud800": 1}, without=())
