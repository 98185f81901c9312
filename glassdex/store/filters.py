"""A small filter language: exactly what every engine can do, and nothing more.

On the command line: `lang=en`, `lang!=en`, `year>=2019`, `model=gpt4|claude`. Several
conditions are joined by *and*. `\\|` is a literal bar.

A key is taken literally: `a.b` names the entry "a.b" of the metadata, not "b" inside "a".
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from glassdex.errors import UsageError

Scalar = str | int | float | bool

RESERVED = frozenset({"dataset", "doc_id", "field"})
"""Keys of the payload itself; every other key names an entry of its `metadata`."""

MAX_DEPTH = 16
"""Levels of Not and And; every engine parses at least as many."""

EXACT_INT = 2**53
"""From here on whole numbers and floats part company."""


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The value of `key` equals one of `values`; a list-valued entry matches by any element.

    Numbers, texts and truth values never equal one another; 1 equals 1.0. A whole number of
    2^53 or more, which a float cannot hold exactly, equals whole numbers only.
    """

    key: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """The numeric value of `key`, as a float, lies within the bounds given (None: unbounded)."""

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


def check(condition: Filter | None) -> None:
    """Refuse what some engine cannot express.

    Raises UsageError on a key with a quotation mark or backslash, text that is not Unicode, a
    number that is not finite, a range without bounds, or nesting deeper than `MAX_DEPTH`.
    """
    _check(condition, depth=0)


def _check(condition: Filter | None, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise UsageError(f"the filter is nested deeper than {MAX_DEPTH} levels: simplify it")
    match condition:
        case AnyOf(key, values):
            path_of(key)
            _check_values(key, values)
        case Range(key, gte, gt, lte, lt):
            path_of(key)
            bounds = [bound for bound in (gte, gt, lte, lt) if bound is not None]
            if not bounds:
                raise UsageError(f"the range on {key!r} has no bound: give one of gte, gt, lte, lt")
            _check_values(key, bounds)
        case Not(inner):
            _check(inner, depth + 1)
        case And(conditions):
            for inner in conditions:
                _check(inner, depth + 1)


def _check_values(key: str, values: Iterable[Scalar]) -> None:
    for value in values:
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"the condition on {key!r} compares with {value}: use a finite number")
        if isinstance(value, str) and not is_unicode(value):
            raise UsageError(f"the condition on {key!r} compares with text that is not Unicode")


def is_unicode(text: str) -> bool:
    """Whether `text` has no lone surrogate, which neither UTF-8 nor an engine can hold."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def path_of(key: str) -> str:
    """Where `key` lies in the payload, as a JSON path: a reserved key, or an entry of `metadata`.

    Raises UsageError on a quotation mark or backslash, which the path language has no way to
    write, and on text that is not Unicode.
    """
    if key in RESERVED:
        return key
    if '"' in key or "\\" in key or not is_unicode(key):
        raise UsageError(
            f"cannot filter by the key {key!r}: rename it to Unicode text without quotation marks "
            "and backslashes"
        )
    return f'metadata."{key}"'


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
    if not _NUMBER.fullmatch(value):
        raise UsageError(f"the condition {text!r} compares with {value!r}, which is not a number")
    name = {">=": "gte", ">": "gt", "<=": "lte", "<": "lt"}[operator]
    wanted_range = Range(key, **{name: float(value)})
    check(wanted_range)
    return wanted_range


_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def _readings(parts: Iterable[str]) -> Iterable[Scalar]:
    """Each value as text and, where it reads as one, as a number or a truth value."""
    for part in parts:
        text = part.replace("\\|", "|")
        yield text
        if text.lower() in {"true", "false"}:
            yield text.lower() == "true"
        elif _NUMBER.fullmatch(text) and math.isfinite(float(text)):
            yield int(text) if text.lstrip("+-").isdigit() else float(text)


def matches(condition: Filter | None, point_id: str, payload: Mapping[str, Any]) -> bool:
    """Whether a point satisfies the filter: the reference that every engine is tested against."""
    match condition:
        case None:
            return True
        case AnyOf(key, values):
            found = values_at(payload, key)
            return any(_equal(f, v) for f in found for v in values)
        case Range():
            return any(_within(value, condition) for value in values_at(payload, condition.key))
        case Ids(ids):
            return point_id in ids
        case Not(inner):
            return not matches(inner, point_id, payload)
        case And(conditions):
            return all(matches(c, point_id, payload) for c in conditions)


def values_at(payload: Mapping[str, Any], key: str) -> list[Any]:
    """The values a condition on `key` looks at: none, one, or a list's elements."""
    holder = payload if key in RESERVED else payload.get("metadata")
    value = holder.get(key) if isinstance(holder, Mapping) else None
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _equal(found: object, wanted: Scalar) -> bool:
    if isinstance(wanted, bool | str) or isinstance(found, bool):
        return type(found) is type(wanted) and found == wanted
    if isinstance(wanted, int) and abs(wanted) >= EXACT_INT:
        return isinstance(found, int) and found == wanted
    return isinstance(found, int | float) and float(found) == float(wanted)


def _within(found: object, bounds: Range) -> bool:
    if isinstance(found, bool) or not isinstance(found, int | float):
        return False
    value = float(found)
    return (
        (bounds.gte is None or value >= bounds.gte)
        and (bounds.gt is None or value > bounds.gt)
        and (bounds.lte is None or value <= bounds.lte)
        and (bounds.lt is None or value < bounds.lt)
    )
