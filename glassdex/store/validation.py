"""Checks before anything reaches an engine: some would store a malformed point without a word."""

import copy
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassdex.errors import UsageError
from glassdex.store.filters import RESERVED, is_unicode
from glassdex.store.types import Point, SparseVector, StoreSchema

MAX_DEPTH = 64
"""Levels of nesting in a payload; engines stop reading at about 120."""

_LARGEST_HALF = 65_504.0
_INT64 = range(-(2**63), 2**63)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def is_canonical_id(text: object) -> bool:
    """Whether `text` is a UUID as `str(uuid.UUID(...))` writes it."""
    return isinstance(text, str) and _UUID.fullmatch(text) is not None


def check_schema(schema: StoreSchema) -> None:
    """Raise UsageError on an unusable vector name or dimension."""
    for name in (*schema.dense, *schema.sparse):
        if not _NAME.fullmatch(name):
            raise UsageError(f"a vector is named {name!r}: use 1 to 64 letters, digits, - and _")
    if strange := schema.half - schema.dense.keys() - schema.sparse.keys():
        raise UsageError(f"there is no vector {min(strange)!r} to keep in half precision")
    if both := schema.dense.keys() & schema.sparse.keys():
        raise UsageError(f"the vector {min(both)!r} is both dense and sparse: rename one")
    for name, dimension in schema.dense.items():
        if not 1 <= dimension <= 65_536:
            raise UsageError(f"the vector {name!r} has {dimension} dimensions: use 1 to 65536")


def checked_points(schema: StoreSchema, points: Sequence[Point]) -> Sequence[Point]:
    """The points, rounded as the schema says.

    Raises UsageError naming the first malformed point and its fault.
    """
    for point in points:
        fault = _fault(schema, point) or _half_fault(schema, point)
        if fault is not None:
            raise UsageError(f"point {point.id!r}: {fault}; nothing of its batch was written")
    return [_rounded(schema, point) for point in points] if schema.half else points


def _half_fault(schema: StoreSchema, point: Point) -> str | None:
    for name in sorted(schema.half):
        values = point.dense.get(name)
        if values is None and name in point.sparse:
            values = point.sparse[name].values
        if values is not None and len(values) and np.abs(values).max() > _LARGEST_HALF:
            return f"the vector {name!r} has a value beyond {_LARGEST_HALF:,.0f}, kept as float16"
    return None


def _rounded(schema: StoreSchema, point: Point) -> Point:
    dense = {n: _half(v) if n in schema.half else v for n, v in point.dense.items()}
    sparse = {
        name: SparseVector.of(vector.indices, _half(vector.values))
        if name in schema.half
        else vector
        for name, vector in point.sparse.items()
    }
    return replace(point, dense=dense, sparse=sparse)


def _half(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values.astype(np.float16).astype(np.float32)


def _fault(schema: StoreSchema, point: Point) -> str | None:
    if not is_canonical_id(point.id):
        return "its id is not a UUID in canonical form, such as str(uuid.uuid5(...))"
    faults = (
        _object_fault(point.payload, "payload", 0),
        _reserved_fault(point.payload),
        *(_dense_fault(schema, name, vector) for name, vector in point.dense.items()),
        *(_sparse_fault(schema, name, vector) for name, vector in point.sparse.items()),
    )
    return next((fault for fault in faults if fault is not None), None)


def _dense_fault(schema: StoreSchema, name: str, vector: object) -> str | None:
    wanted = schema.dense.get(name)
    if wanted is None:
        return f"the dense vector {name!r} is unknown, the schema has {sorted(schema.dense)}"
    if not isinstance(vector, np.ndarray) or vector.dtype != np.float32:
        return f"the dense vector {name!r} is not a float32 array"
    if vector.shape != (wanted,):
        return f"the dense vector {name!r} has shape {vector.shape}, wanted ({wanted},)"
    if not np.isfinite(vector).all():
        return f"the dense vector {name!r} has a value that is not finite"
    return None


def _sparse_fault(schema: StoreSchema, name: str, vector: SparseVector) -> str | None:
    if name not in schema.sparse:
        return f"the sparse vector {name!r} is unknown, the schema has {sorted(schema.sparse)}"
    if fault := _malformed(vector):
        return f"the sparse vector {name!r} {fault}"
    if not (vector.values > 0).all():
        return f"the sparse vector {name!r} has a value that is not positive"
    return None


def _malformed(vector: SparseVector) -> str | None:
    indices, values = vector.indices, vector.values
    if indices.ndim != 1 or indices.shape != values.shape:
        return f"has indices of shape {indices.shape} but values of shape {values.shape}"
    if indices.dtype != np.uint32 or values.dtype != np.float32:
        return f"has {indices.dtype} indices and {values.dtype} values, wanted uint32 and float32"
    if (indices[1:] <= indices[:-1]).any():
        return "has indices that do not ascend: make it with SparseVector.of"
    if not np.isfinite(values).all():
        return "has a value that is not finite"
    return None


def check_sparse_query(schema: StoreSchema, name: str, query: SparseVector, limit: int) -> None:
    """Raise UsageError unless `query` can be asked of the sparse vector `name`."""
    check_sparse_name(schema, name)
    if fault := _malformed(query):
        raise UsageError(f"the query of {name!r} {fault}")
    check_limit(limit)


def check_sparse_name(schema: StoreSchema, name: str) -> None:
    """Raise UsageError unless `name` is a sparse vector of the schema."""
    if name not in schema.sparse:
        raise UsageError(
            f"there is no sparse vector {name!r} to read: the index has {sorted(schema.sparse)}"
        )


def check_dense_query(schema: StoreSchema, name: str, query: object, limit: int) -> None:
    """Raise UsageError unless `query` can be asked of the dense vector `name`."""
    if name not in schema.dense:
        raise UsageError(
            f"there is no dense vector {name!r} to search: the index has {sorted(schema.dense)}"
        )
    if fault := _dense_fault(schema, name, query):
        raise UsageError(f"a query is malformed: {fault}")
    check_limit(limit)


def check_limit(limit: int) -> None:
    """Raise UsageError unless `limit` is a positive number that engines can hold."""
    if not 1 <= limit < 2**31:
        raise UsageError(f"the limit is {limit}: use a number from 1 to {2**31 - 1}")


def check_ids(ids: Sequence[str]) -> None:
    """Raise UsageError on one bare id, which is a sequence of letters to Python."""
    if isinstance(ids, str):
        raise UsageError(f"expected a list of ids, got the text {ids!r}: write [{ids!r}]")


def check_names(schema: StoreSchema, names: Sequence[str]) -> None:
    """Raise UsageError if one of `names` is no vector of the schema."""
    known = {*schema.dense, *schema.sparse}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"there is no vector {unknown[0]!r}: the index has {sorted(known)}")


def checked_metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `values`; UsageError if JSON cannot hold them."""
    if fault := _object_fault(values, "metadata", 0):
        raise UsageError(f"the metadata of an index must be JSON: {fault}")
    return copy.deepcopy(dict(values))


def _reserved_fault(payload: Mapping[str, Any]) -> str | None:
    for key in sorted(RESERVED & payload.keys()):
        if not isinstance(payload[key], str):
            return f"payload.{key} is {payload[key]!r}, wanted text"
    if not isinstance(payload.get("metadata", {}), dict):
        return f"payload.metadata is {payload['metadata']!r}, wanted an object"
    return None


def _json_fault(value: object, path: str, depth: int) -> str | None:
    if isinstance(value, str):
        return None if is_unicode(value) else f"{path} has text with a lone surrogate"
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if value in _INT64 else f"{path} is {value}, beyond 64 bits: use text"
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{path} is {value}, which JSON cannot hold"
    if isinstance(value, list):
        return _array_fault(value, path, depth)
    if isinstance(value, dict):
        return _object_fault(value, path, depth)
    return f"{path} is of type {type(value).__name__}, which JSON does not have"


def _array_fault(values: Sequence[object], path: str, depth: int) -> str | None:
    if depth >= MAX_DEPTH:
        return f"{path[:200]} is nested deeper than {MAX_DEPTH} levels"
    faults = (_json_fault(value, f"{path}[{i}]", depth + 1) for i, value in enumerate(values))
    return next((fault for fault in faults if fault is not None), None)


def _object_fault(values: Mapping[Any, object], path: str, depth: int) -> str | None:
    if depth >= MAX_DEPTH:
        return f"{path[:200]} is nested deeper than {MAX_DEPTH} levels"
    for key, value in values.items():
        if not isinstance(key, str) or not is_unicode(key):
            return f"{path} has the key {key!r}, which is not Unicode text"
        fault = _json_fault(value, f"{path}.{key}", depth + 1)
        if fault is not None:
            return fault
    return None
