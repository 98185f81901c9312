"""The fields of a record besides text and id, as JSON that every engine can hold."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from glassdex.indexer.document import JSON, canonical_json

MAX_METADATA_BYTES = 16 * 1024
"""Of canonical JSON per record: metadata is for filters; what is to be searched is text."""

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_INT64 = range(-(2**63), 2**63)


def metadata_of(
    values: Mapping[str, Any], *, without: Iterable[str], untyped: bool = False
) -> dict[str, JSON] | str:
    """All fields not in `without` that have a value, or the reason why they cannot be kept.

    None and NaN are no values. Integers beyond 64 bits and infinities, which engines do not
    hold, become text. untyped: cells that spell a number become numbers.
    """
    left_out = set(without)
    metadata: dict[str, JSON] = {}
    for key, value in values.items():
        if key not in left_out:
            kept = _storable(cell_value(value) if untyped else value)
            if kept is not None:
                metadata[key] = kept
    return _too_large(metadata) or metadata


def cell_value(cell: str) -> str | int | float | None:
    """What a cell of an untyped table means: nothing, a number as JSON spells it, or text."""
    if not cell:
        return None
    if not _NUMBER.fullmatch(cell):
        return cell
    if not set(cell) & set(".eE"):
        return int(cell)
    number = float(cell)
    return number if math.isfinite(number) else cell


def _storable(value: JSON) -> JSON:
    match value:
        case float() if not math.isfinite(value):
            return None if math.isnan(value) else str(value)
        case int() if value not in _INT64:
            return str(value)
        case dict():
            return {key: _storable(entry) for key, entry in value.items()}
        case list():
            return [_storable(entry) for entry in value]
        case _:
            return value


def _too_large(metadata: dict[str, JSON]) -> str | None:
    try:
        size = len(canonical_json(metadata).encode())
    except UnicodeEncodeError:
        return "a field besides the text holds half a surrogate pair, which is not Unicode"
    if size > MAX_METADATA_BYTES:
        return (
            f"the fields besides the text take {size:,} bytes as JSON, more than "
            f"{MAX_METADATA_BYTES:,}: leave some out, or name a long one with --text-field"
        )
    return None
