"""Counts of the values of one key, by reading every matching point's payload once."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from glassdex.store.filters import values_at
from glassdex.store.types import Record


def count_values(pages: Iterable[list[Record]], key: str) -> Counter[Any]:
    """How many points have each value of `key`; a point counts once for each of a list's values.

    Only texts, numbers and truth values are counted. Values that Python holds equal (1, 1.0
    and True) are one value, named as first met.
    """
    counts: Counter[Any] = Counter()
    for page in pages:
        for record in page:
            found = (v for v in values_at(record.payload, key) if isinstance(v, str | int | float))
            counts.update(dict.fromkeys(found).keys())
    return counts


def most_frequent(counts: Mapping[Any, int], limit: int) -> dict[Any, int]:
    """The `limit` largest counts, ties by value: numbers before texts, each ascending."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], isinstance(item[0], str), item[0]))
    return dict(ordered[:limit])
