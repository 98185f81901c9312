"""Pages of records turned into matrices, and lists cut into pages."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import scipy.sparse as sp

from glassdex.errors import UsageError
from glassdex.store.types import Record, Scored, SparsePage, SparseVector

T = TypeVar("T")

_EMPTY = SparseVector.of([], [])


def batched(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """`items` in runs of `size`, the last one shorter."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def cut(items: Iterable[T], size: Callable[[T], int], most: int) -> Iterator[list[T]]:
    """`items` in runs whose sizes add up to `most` at most; a larger item is a run by itself."""
    run: list[T] = []
    total = 0
    for item in items:
        added = size(item)
        if run and total + added > most:
            yield run
            run, total = [], 0
        run.append(item)
        total += added
    if run:
        yield run


def ranked(scored: Iterable[Scored]) -> list[Scored]:
    """By descending score, ties by ascending id."""
    return sorted(scored, key=lambda hit: (-hit.score, hit.id))


def sparse_page(records: Sequence[Record], name: str, columns: int) -> SparsePage:
    """The sparse vectors `name` of `records` as one CSR matrix; records without one are empty.

    Raises UsageError if a vector has an index of `columns` or more.
    """
    vectors = [record.sparse.get(name, _EMPTY) for record in records]
    for record, vector in zip(records, vectors, strict=True):
        if len(vector) and int(vector.indices[-1]) >= columns:
            raise UsageError(
                f"point {record.id!r} has index {vector.indices[-1]} in {name!r}, "
                f"but {columns} columns were asked for: ask for more"
            )
    starts = np.cumsum([0, *(len(vector) for vector in vectors)])
    indices = np.concatenate([_EMPTY.indices, *(vector.indices for vector in vectors)])
    values = np.concatenate([_EMPTY.values, *(vector.values for vector in vectors)])
    rows = sp.csr_array((values, indices, starts), shape=(len(records), columns))
    return SparsePage(ids=[record.id for record in records], rows=rows)
