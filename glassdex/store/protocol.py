"""What every engine must do, in plain dataclasses."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from glassdex.store.filters import Filter
from glassdex.store.types import (
    Point,
    Record,
    Scored,
    SparsePage,
    SparseVector,
    StoreInfo,
    StoreSchema,
)

PAGE = 1000
"""Points per page of a scan; larger pages hold the interpreter lock for too long."""


class Store(Protocol):
    """One collection of points with named dense and sparse vectors.

    Results are ordered by descending score, ties by ascending id; which of several equal
    scores at the limit are kept is the engine's choice, so ask for more where it matters.
    Every method raises a StoreError of its own kind (never an engine's exception), and
    UsageError on malformed vectors and filters. Methods may be called from several threads.
    """

    @property
    def schema(self) -> StoreSchema:
        """The named vectors this store was created with."""
        ...

    def metadata(self) -> dict[str, Any]:
        """What `set_metadata` last wrote; empty for a new store."""
        ...

    def set_metadata(self, values: Mapping[str, Any]) -> None:
        """Replace the store's JSON metadata, durably."""
        ...

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points whole, replacing any with the same ids.

        All points are checked before any is written: ids are canonical UUIDs, dense vectors
        are float32 of the schema's dimension and finite, sparse values positive, payloads
        JSON (64-bit integers, Unicode text; `dataset`, `doc_id` and `field` are text and
        `metadata` is an object where present). An empty sparse vector is left out. Vectors
        come back bit for bit; a payload's floats of 17 digits may be off in the last place.
        Of several points with one id the last one stays.
        """
        ...

    def delete(self, target: Sequence[str] | Filter) -> int:
        """Delete by ids or by filter; returns how many points there were."""
        ...

    def get(
        self, ids: Sequence[str], *, payload: bool = True, vectors: Sequence[str] = ()
    ) -> list[Record]:
        """Points in the order of `ids`; unknown ids are left out."""
        ...

    def search_sparse(
        self, name: str, query: SparseVector, *, limit: int, where: Filter | None = None
    ) -> list[Scored]:
        """The `limit` best points by dot product, exact. Points sharing no index are left out.

        On a vector with inverse document frequency each product is multiplied by `idf`.
        """
        ...

    def search_dense(
        self,
        name: str,
        query: NDArray[np.float32],
        *,
        limit: int,
        where: Filter | None = None,
        exact: bool = True,
    ) -> list[Scored]:
        """The `limit` best points by dot product; `exact=False` permits an approximate graph."""
        ...

    def idf(self, name: str, indices: Sequence[int]) -> NDArray[np.float64]:
        """The factor `search_sparse` applies to each index, rounded to 6 significant digits.

        (len(indices),); 0 for an index that no point has.
        """
        ...

    def scan(
        self,
        *,
        where: Filter | None = None,
        payload: bool = True,
        vectors: Sequence[str] = (),
        page: int = PAGE,
    ) -> Iterator[list[Record]]:
        """All matching points in ascending order of id, a page at a time."""
        ...

    def scan_sparse(
        self, name: str, *, columns: int, where: Filter | None = None, page: int = PAGE
    ) -> Iterator[SparsePage]:
        """One sparse vector of all matching points, in ascending order of id."""
        ...

    def count(self, where: Filter | None = None) -> int:
        """Number of matching points, exact."""
        ...

    def facet(self, key: str, *, where: Filter | None = None, limit: int = 100) -> dict[Any, int]:
        """Exact counts of the `limit` most frequent values of `key`, ties by value.

        A point counts once for each distinct element of a list; 1, 1.0 and True are one value.
        """
        ...

    def flush(self) -> None:
        """Make everything written so far survive a power failure."""
        ...

    def optimize(self) -> None:
        """Build the engine's search structures, which searching can do without.

        Quick on a small index; on a large one it may take minutes.
        """
        ...

    def info(self) -> StoreInfo:
        """Size of the store."""
        ...

    def close(self) -> None:
        """Flush and release; a closed store is not used again."""
        ...
