"""The oracle itself, on numbers that can be recomputed by hand."""

import math

import numpy as np
import pytest
from oracle import SCHEMA

from glassdex.errors import UsageError
from glassdex.store.memory import MemoryStore
from glassdex.store.types import Point, Scored, SparseVector, StoreSchema

A, B, C = (f"00000000-0000-5000-8000-00000000000{i}" for i in (1, 2, 3))


@pytest.fixture
def three():
    store = MemoryStore(SCHEMA)
    vector = SparseVector.of
    store.upsert(
        [
            Point(C, {}, {"dense": np.float32([1, 0, 0, 0])}, {"bm25": vector([1, 2], [1, 4])}),
            Point(A, {}, {"dense": np.float32([0, 1, 0, 0])}, {"bm25": vector([1], [0.5])}),
            Point(B, {}, {"dense": np.float32([0.6, 0.8, 0, 0])}, {"latents": vector([1], [8])}),
        ]
    )
    return store


def test_dense_scores(three):
    hits = three.search_dense("dense", np.float32([2, 1, 0, 0]), limit=3)
    assert [(hit.id, hit.score) for hit in hits] == [
        (B, pytest.approx(2.0)),
        (C, 2.0),
        (A, 1.0),
    ]


def test_sparse_scores_carry_idf(three):
    one, two = math.log(1 + 0.5 / 2.5), math.log(1 + 1.5 / 1.5)  # 2 points have a bm25 vector
    hits = three.search_sparse("bm25", SparseVector.of([1, 2, 9], [2, -1, 5]), limit=5)
    assert [hit.id for hit in hits] == [A, C]
    assert hits[0].score == pytest.approx(0.5 * 2 * one)
    assert hits[1].score == pytest.approx(1 * 2 * one - 4 * two)
    assert three.idf("bm25", [2, 1, 9]).tolist() == [
        float(f"{two:.6g}"),
        float(f"{one:.6g}"),
        0.0,
    ]


def test_sparse_scores_without_idf(three):
    assert three.search_sparse("latents", SparseVector.of([1], [2]), limit=5) == [Scored(B, 16.0)]
    assert three.idf("latents", [1, 2]).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    "schema",
    [
        StoreSchema({"": 3}, {}),
        StoreSchema({"a/b": 3}, {}),
        StoreSchema({"x": 0}, {}),
        StoreSchema({"x": 3}, {"x": True}),
    ],
)
def test_unusable_schemas_are_refused(schema):
    with pytest.raises(UsageError):
        MemoryStore(schema)
