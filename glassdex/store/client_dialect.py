"""Points, filters and results in the classes of qdrant-client."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast, overload

import numpy as np
from qdrant_client import models

from glassdex.store.filters import Filter, Range
from glassdex.store.qdrant_filters import translate
from glassdex.store.types import Point, Record, SparseVector, StoreSchema


class ClientDialect:
    """Conditions in the classes of qdrant-client."""

    def texts(self, path: str, values: list[str]) -> models.Condition:
        """One of the texts."""
        return models.FieldCondition(key=path, match=models.MatchAny(any=values))

    def truth(self, path: str, value: bool) -> models.Condition:
        """A truth value."""
        return models.FieldCondition(key=path, match=models.MatchValue(value=value))

    def whole(self, path: str, values: list[int]) -> models.Condition:
        """One of the whole numbers."""
        return models.FieldCondition(key=path, match=models.MatchAny(any=values))

    def within(self, path: str, bounds: Range) -> models.Condition:
        """A number within bounds."""
        limits = models.Range(gte=bounds.gte, gt=bounds.gt, lte=bounds.lte, lt=bounds.lt)
        return models.FieldCondition(key=path, range=limits)

    def ids(self, ids: Sequence[str]) -> models.Condition:
        """One of the ids."""
        return models.HasIdCondition(has_id=list(ids))

    def every(self, conditions: list[models.Condition]) -> models.Condition:
        """All conditions."""
        return models.Filter(must=conditions)

    def some(self, conditions: list[models.Condition]) -> models.Condition:
        """At least one of the conditions."""
        return models.Filter(should=conditions)

    def none(self, conditions: list[models.Condition]) -> models.Condition:
        """None of the conditions."""
        return models.Filter(must_not=conditions)


@overload
def client_filter(where: Filter) -> models.Filter: ...
@overload
def client_filter(where: Filter | None) -> models.Filter | None: ...
def client_filter(where: Filter | None) -> models.Filter | None:
    """`where` in the classes of qdrant-client."""
    if where is None:
        return None
    return models.Filter(must=[translate(where, ClientDialect())])


def client_point(point: Point) -> models.PointStruct:
    """`point` in the classes of qdrant-client; empty sparse vectors are left out."""
    dense: dict[str, models.Vector] = {name: v.tolist() for name, v in point.dense.items()}
    sparse = {name: client_sparse(v) for name, v in point.sparse.items() if len(v)}
    return models.PointStruct(id=point.id, vector=dense | sparse, payload=dict(point.payload))


def client_sparse(vector: SparseVector) -> models.SparseVector:
    """`vector` in the class of qdrant-client."""
    return models.SparseVector(indices=vector.indices.tolist(), values=vector.values.tolist())


def request_bytes(point: Point) -> int:
    """About how many bytes `point` takes up in a request: numbers are written as text."""
    numbers = sum(map(len, point.dense.values())) + 2 * sum(map(len, point.sparse.values()))
    return 22 * numbers + len(json.dumps(dict(point.payload))) + 200


def record_of(found: models.Record, schema: StoreSchema) -> Record:
    """What the server found, in our classes."""
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
            name: SparseVector.of(vector.indices, vector.values)
            for name, vector in vectors.items()
            if name in schema.sparse
        },
    )


def stored_value(hit: models.ScoredPoint, name: str, index: int) -> float:
    """The value at `index` of the sparse vector `name` that came with `hit`."""
    vector = cast("Mapping[str, models.SparseVector]", hit.vector)[name]
    return vector.values[vector.indices.index(index)]
