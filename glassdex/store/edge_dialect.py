"""Points, filters and results in the classes of qdrant-edge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np
import qdrant_edge as edge

from glassdex.store.filters import Filter, Range
from glassdex.store.qdrant_filters import translate
from glassdex.store.types import Point, Record, SparseVector, StoreSchema

if TYPE_CHECKING:
    from qdrant_edge import ConditionType


class EdgeDialect:
    """Conditions in the classes of qdrant-edge."""

    def texts(self, path: str, values: list[str]) -> ConditionType:
        """One of the texts."""
        return edge.FieldCondition(path, match=edge.MatchAny(values))

    def truth(self, path: str, value: bool) -> ConditionType:
        """A truth value. A plain bool would be taken for the number 0 or 1."""
        return edge.FieldCondition(path, match=edge.MatchValue(cast("bool", np.bool_(value))))

    def whole(self, path: str, values: list[int]) -> ConditionType:
        """One of the whole numbers."""
        return edge.FieldCondition(path, match=edge.MatchAny(values))

    def within(self, path: str, bounds: Range) -> ConditionType:
        """A number within bounds."""
        limits = edge.RangeFloat(gte=bounds.gte, gt=bounds.gt, lte=bounds.lte, lt=bounds.lt)
        return edge.FieldCondition(path, range=limits)

    def ids(self, ids: Sequence[str]) -> ConditionType:
        """One of the ids."""
        return edge.HasIdCondition(set(ids))

    def every(self, conditions: list[ConditionType]) -> ConditionType:
        """All conditions."""
        return edge.Filter(must=conditions)

    def some(self, conditions: list[ConditionType]) -> ConditionType:
        """At least one of the conditions."""
        return edge.Filter(should=conditions)

    def none(self, conditions: list[ConditionType]) -> ConditionType:
        """None of the conditions."""
        return edge.Filter(must_not=conditions)


@overload
def edge_filter(where: Filter) -> edge.Filter: ...
@overload
def edge_filter(where: Filter | None) -> edge.Filter | None: ...
def edge_filter(where: Filter | None) -> edge.Filter | None:
    """`where` in the classes of qdrant-edge."""
    if where is None:
        return None
    return edge.Filter(must=[translate(where, EdgeDialect())])


def edge_point(point: Point) -> edge.Point:
    """`point` in the classes of qdrant-edge; empty sparse vectors are left out."""
    vectors: dict[str, Any] = dict(point.dense)
    for name, vector in point.sparse.items():
        if len(vector):
            vectors[name] = edge_sparse(vector)
    return edge.Point(point.id, vectors, dict(point.payload))


def edge_sparse(vector: SparseVector) -> edge.SparseVector:
    """`vector` in the class of qdrant-edge, which takes arrays as they are."""
    return edge.SparseVector(cast("list[int]", vector.indices), cast("list[float]", vector.values))


def record_of(found: edge.Record, schema: StoreSchema) -> Record:
    """What the engine found, in our classes."""
    vectors = cast("Mapping[str, Any]", found.vector or {})
    return Point(
        id=str(found.id),
        payload=found.payload or {},
        dense={
            name: np.asarray(values, dtype=np.float32)
            for name, values in vectors.items()
            if name in schema.dense
        },
        sparse={
            name: sparse_of(vector) for name, vector in vectors.items() if name in schema.sparse
        },
    )


def sparse_of(vector: edge.SparseVector) -> SparseVector:
    """A stored vector, which the engine keeps sorted."""
    return SparseVector(
        np.asarray(vector.indices, dtype=np.uint32), np.asarray(vector.values, dtype=np.float32)
    )


def stored_value(hit: edge.ScoredPoint, name: str, index: int) -> float:
    """The value at `index` of the sparse vector `name` that came with `hit`."""
    vector = cast("Mapping[str, edge.SparseVector]", hit.vector)[name]
    return vector.values[vector.indices.index(index)]
