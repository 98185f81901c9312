"""A small filter language: exactly what every engine can do, and nothing more.

On the command line: `lang=en`, `lang!=en`, `year>=2019`, `model=gpt4|claude`. Several
conditions are joined by *and*. `\\|` is a literal bar.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from glassdex.errors import UsageError

Scalar = str | int | float | bool

RESERVED = frozenset({"dataset", "doc_id", "field"})
"""Keys of the payload itself; every other key names an entry of its `metadata`."""


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The value of `key` equals one of `values`; a list-valued entry matches by any element.

    Numbers and strings never equal each other; 1, 1.0 and True are told apart from strings
    only, so `year=2019` on the command line asks for the number or the text.
    """

    key: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """The numeric value of `key` lies within the given bounds (None: unbounded)."""

    key: str
    gte: float | None = None
    gt: float | None = None
    lte: float | None = None
    lt: float | None = None


@dataclass(frozen=True, slots=True)
class Ids:
    """The point's id is one of `ids`."""

    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Not:
    """`condition` does not hold."""

    condition: "Filter"


@dataclass(frozen=True, slots=True)
class And:
    """All `conditions` hold; an empty one holds for every point."""

    conditions: tuple["Filter", ...]


Filter = AnyOf | Range | Ids | Not | And


def both(first: Filter | None, second: Filter | None) -> Filter | None:
    """Conjunction of two filters, either of which may be absent."""
    if first is None or second is None:
        return first or second
    return And((first, second))


def path_of(key: str) -> str:
    """Where `key` lies in the payload: a reserved key, or an entry of `metadata`."""
    return key if key in RESERVED else f"metadata.{key}"


_CONDITION = re.compile(r"^\s*([^=<>!\s][^=<>!]*?)\s*(!=|>=|<=|=|>|<)\s*(.*?)\s*$", re.DOTALL)


def parse(conditions: Iterable[str]) -> Filter | None:
    """Read command-line conditions such as `year>=2019`; None when there are none.

    Raises UsageError naming the condition that cannot be read.
    """
    parsed = tuple(_parse_one(text) for text in conditions)
    if not parsed:
        return None
    return parsed[0] if len(parsed) == 1 else And(parsed)


def _parse_one(text: str) -> Filter:
    match = _CONDITION.match(text)
    if match is None:
        raise UsageError(
            f"cannot read the condition {text!r}: write KEY=VALUE, KEY!=VALUE, KEY=A|B, "
            "KEY>=NUMBER, KEY<NUMBER"
        )
    key, operator, value = match.groups()
    if operator in {"=", "!="}:
        wanted = AnyOf(key, tuple(_readings(re.split(r"(?<!\\)\|", value))))
        return wanted if operator == "=" else Not(wanted)
    try:
        bound = float(value)
    except ValueError:
        raise UsageError(
            f"the condition {text!r} compares with {value!r}, which is not a number"
        ) from None
    name = {">=": "gte", ">": "gt", "<=": "lte", "<": "lt"}[operator]
    return Range(key, **{name: bound})


def _readings(parts: Iterable[str]) -> Iterable[Scalar]:
    """Each value as text and, where it reads as one, as a number or a truth value."""
    for part in parts:
        text = part.replace("\\|", "|")
        yield text
        if text.lower() in {"true", "false"}:
            yield text.lower() == "true"
        for kind in (int, float):
            try:
                yield kind(text)
            except ValueError:
                continue
            break


def matches(condition: Filter | None, point_id: str, payload: Mapping[str, Any]) -> bool:
    """Whether a point satisfies the filter: the reference that every engine is tested against."""
    match condition:
        case None:
            return True
        case AnyOf(key, values):
            found = _lookup(payload, key)
            return any(_equal(f, v) for f in found for v in values)
        case Range():
            return any(_within(value, condition) for value in _lookup(payload, condition.key))
        case Ids(ids):
            return point_id in ids
        case Not(inner):
            return not matches(inner, point_id, payload)
        case And(conditions):
            return all(matches(c, point_id, payload) for c in conditions)


def _lookup(payload: Mapping[str, Any], key: str) -> list[Any]:
    holder = payload if key in RESERVED else payload.get("metadata", {})
    value = holder.get(key)
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _equal(found: object, wanted: Scalar) -> bool:
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, str) or isinstance(wanted, str):
        return isinstance(found, str) and found == wanted
    return found == wanted


def _within(value: object, bounds: Range) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return (
        (bounds.gte is None or value >= bounds.gte)
        and (bounds.gt is None or value > bounds.gt)
        and (bounds.lte is None or value <= bounds.lte)
        and (bounds.lt is None or value < bounds.lt)
    )
