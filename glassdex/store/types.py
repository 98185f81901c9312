"""Plain data that goes into a store and comes out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from glassdex.errors import UsageError

Payload = Mapping[str, Any]
"""JSON-compatible values under string keys."""


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Indices and values of the non-zero dimensions; always sorted, unique and finite.

    indices: (n,) uint32, ascending. values: (n,) float32, none zero, possibly negative
    (queries carry signed weights; stored vectors must be positive, which the store checks).
    """

    indices: NDArray[np.uint32]
    values: NDArray[np.float32]

    @classmethod
    def of(cls, indices: ArrayLike, values: ArrayLike) -> Self:
        """Check, sort and freeze; zero values are dropped.

        Raises UsageError on unequal lengths, duplicate or negative indices, or values that
        are not finite: the engines would store such a vector without a word.
        """
        given = np.asarray(indices).reshape(-1)
        with np.errstate(over="ignore"):  # becomes infinite, which is refused below
            vals = np.asarray(values).reshape(-1).astype(np.float32)
        if len(given) != len(vals):
            raise UsageError(f"a sparse vector has {len(given)} indices but {len(vals)} values")
        if len(given) and given.dtype.kind not in "iu":
            raise UsageError(f"a sparse vector has indices of type {given.dtype}, wanted integers")
        raw = given.astype(np.int64)
        if not np.isfinite(vals).all():
            raise UsageError("a sparse vector has a value that is not finite")
        if len(raw) and (raw.min() < 0 or raw.max() > np.iinfo(np.uint32).max):
            raise UsageError("a sparse vector has an index outside 0 .. 2^32-1")
        order = np.argsort(raw, kind="stable")
        idx, vals = raw[order], vals[order]
        if (idx[1:] == idx[:-1]).any():
            raise UsageError("a sparse vector has the same index twice")
        keep = vals != 0
        return cls(idx[keep].astype(np.uint32), vals[keep])

    @classmethod
    def row(cls, matrix: sp.csr_array, row: int) -> Self:
        """One row of a CSR matrix; checked as by `of`."""
        entries = slice(matrix.indptr[row], matrix.indptr[row + 1])
        return cls.of(matrix.indices[entries], matrix.data[entries])

    def __len__(self) -> int:
        return len(self.indices)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, SparseVector)
            and np.array_equal(self.indices, other.indices)
            and np.array_equal(self.values, other.values)
        )

    def __hash__(self) -> int:
        return hash((self.indices.tobytes(), self.values.tobytes()))

    def as_dict(self) -> dict[int, float]:
        """Index to value, as Python numbers."""
        return dict(zip(self.indices.tolist(), self.values.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class StoreSchema:
    """Named vectors of a store.

    dense: name to dimension; vectors are compared by dot product, so store unit vectors for
    cosine. sparse: name to whether the engine multiplies each index by its inverse document
    frequency, ln(1 + (N - n + 0.5) / (n + 0.5)). half: names of vectors, dense or sparse, whose
    values are kept in half precision: rounded to float16 on the way in, on every engine alike.
    """

    dense: Mapping[str, int] = field(default_factory=dict)
    sparse: Mapping[str, bool] = field(default_factory=dict)
    half: frozenset[str] = frozenset()

    def to_json(self) -> dict[str, Any]:
        """As kept beside the data; `from_json` reads it."""
        return {"dense": dict(self.dense), "sparse": dict(self.sparse), "half": sorted(self.half)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """What `to_json` wrote. Raises KeyError, TypeError or ValueError on anything else."""
        return cls(
            {str(name): int(dimension) for name, dimension in raw["dense"].items()},
            {str(name): bool(weighted) for name, weighted in raw["sparse"].items()},
            frozenset(str(name) for name in raw.get("half", ())),
        )


@dataclass(frozen=True, slots=True)
class Point:
    """One document and field as stored. `id` is a UUID in its canonical text form."""

    id: str
    payload: Payload
    dense: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    sparse: Mapping[str, SparseVector] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Point)
            and (self.id, self.payload, self.sparse) == (other.id, other.payload, other.sparse)
            and self.dense.keys() == other.dense.keys()
            and all(np.array_equal(v, other.dense[name]) for name, v in self.dense.items())
        )

    def __hash__(self) -> int:
        return hash(self.id)


Record = Point
"""What a store gives back: a point that holds only the vectors asked for."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A point's id and its score for one query."""

    id: str
    score: float


@dataclass(frozen=True, slots=True)
class SparsePage:
    """A page of a scan: `rows` is (len(ids), n_columns) float32 CSR, row i belongs to ids[i]."""

    ids: Sequence[str]
    rows: sp.csr_array


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """Size of a store: points, and bytes on disk where the engine lives in a folder."""

    points: int
    bytes: int | None
