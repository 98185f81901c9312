"""The index in plain Python and numpy: small, slow, and what the engines are tested against."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassdex.store import validation
from glassdex.store.facets import count_values, most_frequent
from glassdex.store.filters import Filter, check, matches
from glassdex.store.idf import inverse_document_frequency, significant
from glassdex.store.pages import ranked, sparse_page
from glassdex.store.protocol import PAGE
from glassdex.store.types import (
    Point,
    Record,
    Scored,
    SparsePage,
    SparseVector,
    StoreInfo,
    StoreSchema,
)


class MemoryStore:
    """A store in this process's memory: exact, in double precision, gone when it is closed."""

    def __init__(self, schema: StoreSchema) -> None:
        validation.check_schema(schema)
        self._schema = schema
        self._points: dict[str, Point] = {}
        self._metadata: dict[str, Any] = {}

    @property
    def schema(self) -> StoreSchema:
        """The named vectors this store was created with."""
        return self._schema

    def metadata(self) -> dict[str, Any]:
        """What `set_metadata` last wrote; empty for a new store."""
        return _json_copy(self._metadata)

    def set_metadata(self, values: Mapping[str, Any]) -> None:
        """Replace the store's JSON metadata."""
        self._metadata = validation.checked_metadata(values)

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points whole, replacing any with the same ids; all or none."""
        points = validation.checked_points(self._schema, points)
        for point in points:
            self._points[point.id] = Point(
                point.id,
                _json_copy(point.payload),
                {name: vector.copy() for name, vector in point.dense.items()},
                {name: vector for name, vector in point.sparse.items() if len(vector)},
            )

    def delete(self, target: Sequence[str] | Filter) -> int:
        """Delete by ids or by filter; returns how many points there were."""
        if isinstance(target, Sequence):
            validation.check_ids(target)
            doomed = self._points.keys() & set(target)
        else:
            doomed = {point.id for point in self._matching(target)}
        for point_id in doomed:
            del self._points[point_id]
        return len(doomed)

    def get(
        self, ids: Sequence[str], *, payload: bool = True, vectors: Sequence[str] = ()
    ) -> list[Record]:
        """Points in the order of `ids`; unknown ids are left out."""
        validation.check_ids(ids)
        validation.check_names(self._schema, vectors)
        known = (self._points[point_id] for point_id in ids if point_id in self._points)
        return [_view(point, payload, vectors) for point in known]

    def search_sparse(
        self, name: str, query: SparseVector, *, limit: int, where: Filter | None = None
    ) -> list[Scored]:
        """The `limit` best points by dot product, times `idf` where the schema says so."""
        validation.check_sparse_query(self._schema, name, query, limit)
        weights = query.values.astype(np.float64)
        if self._schema.sparse[name]:
            weights *= self._factors(name, query.indices.tolist())
        rows = ((p.id, p.sparse[name]) for p in self._matching(where) if name in p.sparse)
        return ranked(_sparse_scores(rows, query.indices, weights))[:limit]

    def search_dense(
        self,
        name: str,
        query: NDArray[np.float32],
        *,
        limit: int,
        where: Filter | None = None,
        exact: bool = True,  # noqa: ARG002 - always exact
    ) -> list[Scored]:
        """The `limit` best points by dot product."""
        validation.check_dense_query(self._schema, name, query, limit)
        wanted = query.astype(np.float64)
        rows = ((p.id, p.dense[name]) for p in self._matching(where) if name in p.dense)
        return ranked(
            Scored(point_id, float(vector.astype(np.float64) @ wanted)) for point_id, vector in rows
        )[:limit]

    def idf(self, name: str, indices: Sequence[int]) -> NDArray[np.float64]:
        """The factor `search_sparse` applies to each index, rounded to 6 significant digits."""
        validation.check_sparse_name(self._schema, name)
        return np.asarray([significant(factor) for factor in self._factors(name, indices)])

    def scan(
        self,
        *,
        where: Filter | None = None,
        payload: bool = True,
        vectors: Sequence[str] = (),
        page: int = PAGE,
    ) -> Iterator[list[Record]]:
        """All matching points in ascending order of id, a page at a time."""
        validation.check_names(self._schema, vectors)
        validation.check_limit(page)
        found = sorted(self._matching(where), key=lambda point: point.id)
        for start in range(0, len(found), page):
            yield [_view(point, payload, vectors) for point in found[start : start + page]]

    def scan_sparse(
        self, name: str, *, columns: int, where: Filter | None = None, page: int = PAGE
    ) -> Iterator[SparsePage]:
        """One sparse vector of all matching points, in ascending order of id."""
        validation.check_sparse_name(self._schema, name)
        for records in self.scan(where=where, payload=False, vectors=[name], page=page):
            yield sparse_page(records, name, columns)

    def count(self, where: Filter | None = None) -> int:
        """Number of matching points."""
        return len(self._matching(where))

    def facet(self, key: str, *, where: Filter | None = None, limit: int = 100) -> dict[Any, int]:
        """Exact counts of the `limit` most frequent values of `key`, ties by value."""
        validation.check_limit(limit)
        return most_frequent(count_values(self.scan(where=where), key), limit)

    def flush(self) -> None:
        """Nothing to do."""

    def optimize(self) -> None:
        """Nothing to do."""

    def info(self) -> StoreInfo:
        """Number of points."""
        return StoreInfo(points=len(self._points), bytes=None)

    def close(self) -> None:
        """Forget everything."""
        self._points.clear()

    def _matching(self, where: Filter | None) -> list[Point]:
        check(where)
        return [p for p in self._points.values() if matches(where, p.id, p.payload)]

    def _factors(self, name: str, indices: Sequence[int]) -> list[float]:
        """The factor of each index, unrounded: 0 where no point has it."""
        vectors = [point.sparse[name] for point in self._points.values() if name in point.sparse]
        having = Counter(i for vector in vectors for i in vector.indices.tolist())
        weighted = self._schema.sparse[name]
        return [
            (inverse_document_frequency(len(vectors), having[i]) if weighted else 1.0)
            * (having[i] > 0)
            for i in indices
        ]


def _json_copy(values: Mapping[str, Any]) -> dict[str, Any]:
    copied: dict[str, Any] = json.loads(json.dumps(dict(values)))
    return copied


def _view(point: Point, payload: bool, vectors: Sequence[str]) -> Record:
    """A copy of `point` that holds only what was asked for."""
    return Point(
        point.id,
        _json_copy(point.payload) if payload else {},
        {name: point.dense[name].copy() for name in vectors if name in point.dense},
        {name: point.sparse[name] for name in vectors if name in point.sparse},
    )


def _sparse_scores(
    rows: Iterable[tuple[str, SparseVector]],
    indices: NDArray[np.uint32],
    weights: NDArray[np.float64],
) -> Iterator[Scored]:
    for point_id, vector in rows:
        shared, mine, theirs = np.intersect1d(
            vector.indices, indices, assume_unique=True, return_indices=True
        )
        if len(shared):
            yield Scored(point_id, float(vector.values[mine].astype(np.float64) @ weights[theirs]))
