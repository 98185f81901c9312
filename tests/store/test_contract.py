"""What every engine must do, on each of them: the same calls, compared with `MemoryStore`."""

import math
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import (
    EVERYTHING,
    IDS,
    SCHEMA,
    any_float32,
    assert_best,
    empty,
    filters,
    points,
    positive_float32,
    sparse_vectors,
)

from glassdex.errors import UsageError
from glassdex.store.filters import AnyOf, Ids, Not, matches
from glassdex.store.memory import MemoryStore
from glassdex.store.types import Point, SparseVector, StoreSchema

contract = settings(
    max_examples=int(os.environ.get("CONTRACT_EXAMPLES", "12")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
VECTORS = ["dense", "latents", "bm25"]

batches = st.lists(points(), max_size=8)
queries = sparse_vectors(st.sampled_from([-2.0, -0.5, 0.5, 1.0, 4.0]))


def written(store, batch) -> MemoryStore:
    """Both stores hold just `batch`."""
    empty(store)
    oracle = MemoryStore(SCHEMA)
    for target in (store, oracle):
        target.upsert(batch)
    return oracle


def everything(store):
    return [record for page in store.scan(vectors=VECTORS) for record in page]


def assert_same_points(found, wanted) -> None:
    assert [p.id for p in found] == [p.id for p in wanted]
    for mine, theirs in zip(found, wanted, strict=True):
        assert same_json(mine.payload, theirs.payload)
        assert mine.sparse == theirs.sparse
        assert {n: v.tobytes() for n, v in mine.dense.items()} == {
            n: v.tobytes() for n, v in theirs.dense.items()
        }


def same_json(mine, theirs) -> bool:
    """Equal and of equal types (1, 1.0 and True are one to Python).

    Qdrant's reader of JSON may miss a float of 17 digits by one unit in the last place.
    """
    if isinstance(theirs, dict):
        return mine.keys() == theirs.keys() and all(same_json(mine[k], theirs[k]) for k in theirs)
    if isinstance(theirs, list):
        return len(mine) == len(theirs) and all(map(same_json, mine, theirs))
    if isinstance(theirs, float):
        return type(mine) is float and math.isclose(mine, theirs, rel_tol=4e-16)
    return type(mine) is type(theirs) and mine == theirs


@contract
@given(batch=st.lists(points(dense=any_float32, sparse=positive_float32), max_size=8))
def test_points_come_back_bit_for_bit(extreme_store, batch):
    oracle = written(extreme_store, batch)
    assert_same_points(everything(extreme_store), everything(oracle))
    ids = [*reversed(IDS), "unknown", IDS[0].upper(), "99999999-0000-5000-8000-000000000000"]
    assert_same_points(extreme_store.get(ids, vectors=VECTORS), oracle.get(ids, vectors=VECTORS))


@contract
@given(first=batches, second=batches, doomed=filters | st.lists(st.sampled_from(IDS)))
def test_replacing_and_deleting(shared_store, first, second, doomed):
    oracle = written(shared_store, first)
    for target in (shared_store, oracle):
        target.upsert(second)
    assert shared_store.delete(doomed) == oracle.delete(doomed)
    assert_same_points(everything(shared_store), everything(oracle))
    assert shared_store.count() == oracle.count() == shared_store.info().points


@contract
@given(batch=batches, where=st.none() | filters)
def test_filters_hold_for_the_points_that_match(shared_store, batch, where):
    oracle = written(shared_store, batch)
    wanted = [p.id for p in everything(oracle) if matches(where, p.id, p.payload)]
    assert [p.id for page in shared_store.scan(where=where) for p in page] == wanted
    assert shared_store.count(where) == len(wanted)


@contract
@given(
    batch=batches,
    query=queries,
    name=st.sampled_from(["latents", "bm25"]),
    where=st.none() | filters,
    limit=st.integers(1, 12),
)
def test_sparse_search(shared_store, batch, query, name, where, limit):
    oracle = written(shared_store, batch)
    found = shared_store.search_sparse(name, query, limit=limit, where=where)
    wanted = oracle.search_sparse(name, query, limit=1000, where=where)
    assert_best(found, wanted, limit, scale=60.0)


@contract
@given(
    batch=batches,
    query=st.lists(st.sampled_from([-1.0, 0.0, 0.25, 3.0]), min_size=4, max_size=4),
    where=st.none() | filters,
    limit=st.integers(1, 12),
    exact=st.booleans(),
)
def test_dense_search(shared_store, batch, query, where, limit, exact):
    oracle = written(shared_store, batch)
    vector = np.array(query, dtype=np.float32)
    found = shared_store.search_dense("dense", vector, limit=limit, where=where, exact=exact)
    wanted = oracle.search_dense("dense", vector, limit=1000, where=where)
    assert_best(found, wanted, limit, scale=12.0)


@contract
@given(batch=batches, doomed=st.lists(st.sampled_from(IDS), max_size=4))
def test_idf_is_what_search_applies(shared_store, batch, doomed):
    oracle = written(shared_store, batch)
    for target in (shared_store, oracle):
        target.delete(doomed)
    indices = [0, 3, 2**32 - 1, 99]
    records = {record.id: record for record in everything(oracle)}
    for name in ("latents", "bm25"):
        factors = shared_store.idf(name, indices)
        assert factors.tolist() == oracle.idf(name, indices).tolist()
        assert factors.shape == (4,)
        assert factors.dtype == np.float64
        for index, factor in zip(indices, factors, strict=True):
            query = SparseVector.of([index], [1.0])
            for hit in shared_store.search_sparse(name, query, limit=20):
                value = records[hit.id].sparse[name].as_dict()[index]
                assert hit.score == pytest.approx(factor * value, rel=6e-6)


@contract
@given(batch=batches, where=st.none() | filters, limit=st.sampled_from([1, 2, 100]))
def test_facets(shared_store, batch, where, limit):
    oracle = written(shared_store, batch)
    for key in ("dataset", "doc_id", "year"):
        found = shared_store.facet(key, where=where, limit=limit)
        assert list(found.items()) == list(oracle.facet(key, where=where, limit=limit).items())


@contract
@given(batch=batches, where=st.none() | filters, page=st.integers(1, 5))
def test_scans_come_in_pages_of_ascending_ids(shared_store, batch, where, page):
    oracle = written(shared_store, batch)
    pages = list(shared_store.scan(where=where, page=page, payload=False))
    assert all(0 < len(records) <= page for records in pages)
    records = [record for one in pages for record in one]
    assert [record.id for record in records] == sorted(record.id for record in records)
    assert all(record.payload == {} and not record.dense for record in records)
    found = list(shared_store.scan_sparse("bm25", columns=2**32, where=where, page=page))
    wanted = list(oracle.scan_sparse("bm25", columns=2**32, where=where, page=page))
    assert [p.ids for p in found] == [p.ids for p in wanted]
    for mine, theirs in zip(found, wanted, strict=True):
        assert mine.rows.shape == theirs.rows.shape == (len(mine.ids), 2**32)
        assert mine.rows.dtype == np.float32
        assert (mine.rows.indices == theirs.rows.indices).all()
        assert (mine.rows.data == theirs.rows.data).all()
        assert (mine.rows.indptr == theirs.rows.indptr).all()


def point(number: int, **changes) -> Point:
    fields = {"payload": {"dataset": "a"}, "dense": {}, "sparse": {}} | changes
    return Point(f"00000000-0000-5000-8000-{number:012x}", **fields)


def test_many_points_in_one_batch(store):
    rng = np.random.default_rng(3)
    batch = [
        point(
            i,
            payload={"dataset": "ab"[i % 2], "metadata": {"rank": i}},
            dense={"dense": rng.normal(size=4).astype(np.float32)},
            sparse={"bm25": SparseVector.of(rng.choice(40, 9, replace=False), np.ones(9))},
        )
        for i in range(500)
    ]
    store.upsert(batch)
    assert store.count(AnyOf("dataset", ("a",))) == 250
    assert sum(len(page) for page in store.scan(page=90)) == 500
    assert store.get([p.id for p in batch])[450].payload["metadata"] == {"rank": 450}
    assert store.facet("dataset") == {"a": 250, "b": 250}
    assert len(store.facet("rank", limit=2000)) == 500
    oracle = MemoryStore(SCHEMA)
    oracle.upsert(batch)
    query = SparseVector.of(range(12), np.linspace(-1, 2, 12))
    wanted = oracle.search_sparse("bm25", query, limit=2000)
    assert_best(store.search_sparse("bm25", query, limit=100), wanted, 100, scale=20.0)
    assert store.idf("bm25", range(45)).tolist() == oracle.idf("bm25", range(45)).tolist()


def test_an_upsert_replaces_the_whole_point(store):
    full = point(1, dense={"dense": np.ones(4, np.float32)}, payload={"dataset": "a", "x": 1})
    store.upsert([full])
    store.upsert([point(1, payload={"text": "new"})])
    assert store.get([full.id], vectors=VECTORS) == [point(1, payload={"text": "new"})]


def test_the_last_of_two_points_with_one_id_stays(store):
    store.upsert([point(1, payload={"text": "first"}), point(1, payload={"text": "last"})])
    assert [record.payload for record in store.get([point(1).id])] == [{"text": "last"}]


def test_an_empty_sparse_vector_is_left_out(store):
    empty_vector = SparseVector.of([], [])
    store.upsert([point(1, sparse={"bm25": empty_vector, "latents": empty_vector})])
    assert everything(store) == [point(1)]
    assert store.search_sparse("bm25", SparseVector.of([1], [1]), limit=5) == []
    assert store.search_sparse("bm25", empty_vector, limit=5) == []
    assert [page.rows.nnz for page in store.scan_sparse("bm25", columns=3)] == [0]


def test_ties_are_ordered_by_id(store):
    store.upsert([point(i, sparse={"latents": SparseVector.of([3], [0.5])}) for i in (5, 2, 9)])
    hits = store.search_sparse("latents", SparseVector.of([3], [2.0]), limit=10)
    assert [(hit.id, hit.score) for hit in hits] == [(point(i).id, 1.0) for i in (2, 5, 9)]


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (Point("doc-1", {}), "not a UUID"),
        (Point(IDS[-1].upper(), {}), "not a UUID"),
        (point(1, dense={"dense": np.zeros(3, np.float32)}), "shape (3,), wanted (4,)"),
        (point(1, dense={"dense": np.zeros(4)}), "not a float32 array"),
        (point(1, dense={"dense": np.array([1, 2, 3, np.nan], np.float32)}), "not finite"),
        (point(1, dense={"other": np.zeros(4, np.float32)}), "'other' is unknown"),
        (point(1, sparse={"other": SparseVector.of([1], [1])}), "'other' is unknown"),
        (point(1, sparse={"bm25": SparseVector.of([1], [-1])}), "not positive"),
        (
            point(1, sparse={"bm25": SparseVector(np.uint32([2, 2]), np.float32([1, 1]))}),
            "do not ascend",
        ),
        (
            point(1, sparse={"bm25": SparseVector(np.uint32([1, 2]), np.float32([1]))}),
            "indices of shape (2,) but values of shape (1,)",
        ),
        (
            point(1, sparse={"bm25": SparseVector(np.uint32([1]), np.float32([np.inf]))}),
            "not finite",
        ),
        (point(1, payload={"text": "\ud800"}), "payload.text has text with a lone surrogate"),
        (point(1, payload={"\ud800": 1}), "has the key '\\ud800'"),
        (point(1, payload={"metadata": {"x": [float("nan")]}}), "payload.metadata.x[0] is nan"),
        (point(1, payload={"x": 2**63}), "beyond 64 bits"),
        (point(1, payload={"x": np.float32(1)}), "of type float32"),
        (point(1, payload={"x": {1: 2}}), "has the key 1"),
        (point(1, payload={"dataset": 7}), "payload.dataset is 7, wanted text"),
        (point(1, payload={"metadata": "x"}), "payload.metadata is 'x', wanted an object"),
    ],
)
def test_one_bad_point_names_itself_and_keeps_the_batch_out(store, bad, fault):
    with pytest.raises(UsageError) as caught:
        store.upsert([point(7), bad, point(8)])
    assert repr(bad.id) in str(caught.value)
    assert fault in str(caught.value)
    assert store.count() == 0


@pytest.mark.parametrize(
    "ask",
    [
        lambda s: s.search_sparse("dense", SparseVector.of([1], [1]), limit=1),
        lambda s: s.search_sparse("latents", SparseVector.of([1], [1]), limit=0),
        lambda s: s.search_dense("latents", np.zeros(4, np.float32), limit=1),
        lambda s: s.search_dense("dense", np.zeros(5, np.float32), limit=1),
        lambda s: s.search_dense("dense", np.full(4, np.nan, np.float32), limit=1),
        lambda s: s.get([IDS[0]], vectors=["nothing"]),
        lambda s: s.get(IDS[0]),
        lambda s: s.delete(IDS[0]),
        lambda s: s.idf("dense", [1]),
        lambda s: s.facet("dataset", limit=0),
        lambda s: s.count(AnyOf('quo"te', ("x",))),
        lambda s: s.count(AnyOf("back\\slash", ("x",))),
        lambda s: s.count(AnyOf("x", (float("nan"),))),
        lambda s: s.count(AnyOf("x", ("\ud800",))),
        lambda s: list(s.scan(where=Not(AnyOf("\ud800", ("x",))))),
        lambda s: s.set_metadata({"x": float("inf")}),
    ],
)
def test_malformed_questions_are_refused(store, ask):
    with pytest.raises(UsageError):
        ask(store)


def test_a_vector_wider_than_the_scan_is_named(store):
    store.upsert([point(1, sparse={"latents": SparseVector.of([9], [1])})])
    with pytest.raises(UsageError, match="has index 9 in 'latents', but 9 columns"):
        list(store.scan_sparse("latents", columns=9))


def test_metadata_is_replaced_not_merged(store):
    assert store.metadata() == {}
    first = {"fingerprint": {"model": "m", "layer": 3}, "é": [1, 2.5, None, True], "big": 2**60}
    store.set_metadata(first)
    assert store.metadata() == first
    store.set_metadata({"fingerprint": {"layer": 4}})
    assert store.metadata() == {"fingerprint": {"layer": 4}}
    store.set_metadata({})
    assert store.metadata() == {}
    assert store.schema == SCHEMA


def test_what_goes_in_and_comes_out_can_be_changed_without_harm(store):
    store.upsert([point(1, payload={"metadata": {"x": [1]}})])
    store.get([point(1).id])[0].payload["metadata"]["x"].append(2)
    assert store.get([point(1).id])[0].payload == {"metadata": {"x": [1]}}
    given = {"a": [1]}
    store.set_metadata(given)
    given["a"].append(2)
    store.metadata()["a"].append(3)
    assert store.metadata() == {"a": [1]}


def test_filters_by_id(store):
    store.upsert([point(1), point(2)])
    assert store.count(Ids(frozenset({point(1).id, "unknown"}))) == 1
    assert store.count(Ids(frozenset())) == 0
    assert store.count(Not(Ids(frozenset()))) == 2
    assert store.count(EVERYTHING) == 2


def test_optimize_and_flush_change_no_answer(make_store):
    store, oracle = make_store(), MemoryStore(SCHEMA)
    rng = np.random.default_rng(5)
    batch = [
        point(
            i,
            dense={"dense": rng.normal(size=4).astype(np.float32)},
            sparse={
                name: SparseVector.of(rng.choice(30, 8, replace=False), rng.random(8) + 0.1)
                for name in ("latents", "bm25")
            },
        )
        for i in range(200)
    ]
    for target in (store, oracle):
        target.upsert(batch)
        target.flush()
        target.optimize()
        target.delete([p.id for p in batch[:20]])
        target.upsert(batch[10:30])
    for name in ("latents", "bm25"):
        query = SparseVector.of([1, 2, 3, 4, 5], [1, -0.5, 2, 0.1, 1])
        wanted = oracle.search_sparse(name, query, limit=1000)
        assert_best(store.search_sparse(name, query, limit=50), wanted, 50, scale=20.0)
        assert store.idf(name, range(30)).tolist() == oracle.idf(name, range(30)).tolist()
    assert_same_points(everything(store), everything(oracle))


def test_half_precision_is_the_same_on_every_engine(make_store):
    schema = StoreSchema({"d": 3}, {"s": False, "w": True}, frozenset({"d", "s"}))
    store = make_store(schema)
    dense = np.array([0.1, 0.2, 0.3], np.float32)
    sparse = SparseVector.of([1, 5], [0.1, 7.7])
    given = point(1, payload={}, dense={"d": dense}, sparse={"s": sparse, "w": sparse})
    store.upsert([given])
    (found,) = store.get([given.id], vectors=("d", "s", "w"))
    half = sparse.values.astype(np.float16).astype(np.float32)
    assert np.array_equal(found.dense["d"], dense.astype(np.float16).astype(np.float32))
    assert np.array_equal(found.sparse["s"].values, half)
    assert found.sparse["w"] == sparse
    (hit,) = store.search_sparse("s", SparseVector.of([5], [2.0]), limit=1)
    assert hit.score == pytest.approx(2 * float(half[1]), rel=1e-6)
    huge = point(2, payload={}, dense={}, sparse={"s": SparseVector.of([1], [70_000.0])})
    with pytest.raises(UsageError, match="beyond 65,504, kept as float16"):
        store.upsert([huge])
