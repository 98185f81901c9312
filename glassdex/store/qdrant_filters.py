"""The filter language in the terms of Qdrant, whose embedded and remote forms share a meaning.

Each client library has classes of its own for the same conditions; a dialect names them.
"""

from collections.abc import Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from glassdex.store.filters import (
    EXACT_INT,
    And,
    AnyOf,
    Filter,
    Ids,
    Not,
    Range,
    Scalar,
    check,
    path_of,
)
from glassdex.store.validation import is_canonical_id

C = TypeVar("C")

_INT64 = range(-(2**63), 2**63)


class Dialect(Protocol, Generic[C]):
    """How one client library writes conditions of its type `C`."""

    def texts(self, path: str, values: list[str]) -> C:
        """One of the texts."""
        ...

    def truth(self, path: str, value: bool) -> C:
        """A truth value."""
        ...

    def whole(self, path: str, values: list[int]) -> C:
        """One of the whole numbers, bit for bit."""
        ...

    def within(self, path: str, bounds: Range) -> C:
        """A number within bounds."""
        ...

    def ids(self, ids: Sequence[str]) -> C:
        """One of the ids."""
        ...

    def every(self, conditions: list[C]) -> C:
        """All conditions; an empty list holds for every point."""
        ...

    def some(self, conditions: list[C]) -> C:
        """At least one of the conditions, of which there is one or more."""
        ...

    def none(self, conditions: list[C]) -> C:
        """None of the conditions."""
        ...


def translate(where: Filter, dialect: Dialect[C]) -> C:
    """`where` in the given dialect. Raises UsageError on what no engine can express."""
    check(where)
    return _translate(where, dialect)


def _translate(where: Filter, dialect: Dialect[C]) -> C:
    match where:
        case AnyOf(key, values):
            return _any_of(path_of(key), values, dialect)
        case Range(key):
            return dialect.within(path_of(key), where)
        case Ids(ids):
            return dialect.ids(sorted(filter(is_canonical_id, ids)))
        case Not(inner):
            return dialect.none([_translate(inner, dialect)])
        case And(conditions):
            return dialect.every([_translate(inner, dialect) for inner in conditions])


def _any_of(path: str, values: Iterable[Scalar], dialect: Dialect[C]) -> C:
    """Engines match one type at a time, and a number as a range: 2 finds 2.0 only so."""
    texts = [value for value in values if isinstance(value, str)]
    truths = [value for value in values if isinstance(value, bool)]
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    large = [v for v in numbers if isinstance(v, int) and abs(v) >= EXACT_INT and v in _INT64]
    points = [v for v in numbers if isinstance(v, float) or abs(v) < EXACT_INT]
    conditions = [
        *([dialect.texts(path, texts)] if texts else []),
        *([dialect.whole(path, large)] if large else []),
        *(dialect.truth(path, value) for value in truths),
        *(dialect.within(path, Range(path, gte=v, lte=v)) for v in points),
    ]
    return dialect.some(conditions) if conditions else dialect.none([dialect.every([])])
