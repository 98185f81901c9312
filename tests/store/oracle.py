"""Documents of every odd kind, and the comparison of an engine with the oracle."""

import numpy as np
from hypothesis import strategies as st

from glassdex.store.filters import And, AnyOf, Ids, Not, Range
from glassdex.store.types import Point, SparseVector, StoreSchema

SCHEMA = StoreSchema(dense={"dense": 4}, sparse={"latents": False, "bm25": True})

EVERYTHING = And(())

IDS = [f"00000000-0000-5000-8000-{i:012x}" for i in (0, 1, 7, 255, 256, 2**32, 2**40, 2**48 - 1)]
IDS += ["ffffffff-ffff-5fff-bfff-ffffffffffff", "abcdef01-2345-5678-9abc-def012345678"]

KEYS = ["year", "a.b", "sp ace", "x[]", "", "it's", "日本", "\n", "$", "metadata"]
INTEGERS = [0, 1, 2, -1, 2**53 - 1, 2**60, 2**60 + 1, -(2**63), 2**63 - 1]
FLOATS = [0.0, -0.0, 1.0, 2.0, 2.5, 1.0000000000000002, 1e300, 5e-324]
TEXTS = ["", "1", "True", "2.0", "en", "é", "e\u0301", "\x00", "日本", "a|b", " en"]

scalars = st.one_of(st.sampled_from(INTEGERS + FLOATS + TEXTS), st.booleans())
nested = st.recursive(
    st.one_of(
        st.none(),
        scalars,
        st.text(max_size=5),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
metadata = st.one_of(
    st.dictionaries(st.sampled_from(KEYS), scalars | st.lists(scalars, max_size=3), max_size=4),
    st.dictionaries(st.text(max_size=5), nested, max_size=3),
)
payloads = st.fixed_dictionaries(
    {"text": st.text(max_size=20)},
    optional={
        "dataset": st.sampled_from(["a", "b", "日本", ""]),
        "doc_id": st.text(max_size=3),
        "field": st.sampled_from(["prompt", "response"]),
        "metadata": metadata,
        "extra": nested,
    },
)

# Few distinct values make many ties; all are exact in single precision.
weights = st.sampled_from([0.25, 0.5, 1.0, 1.5, 3.0])
any_float32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
positive_float32 = st.floats(width=32, min_value=0, exclude_min=True, allow_infinity=False)
indices = st.one_of(st.integers(0, 6), st.sampled_from([2**31, 2**32 - 1]))


def sparse_vectors(values):
    return st.dictionaries(indices, values, max_size=5).map(
        lambda entries: SparseVector.of(list(entries), list(entries.values()))
    )


def dense_vectors(values):
    return st.lists(values, min_size=4, max_size=4).map(lambda v: np.array(v, dtype=np.float32))


halves = st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0])


def points(dense=halves, sparse=weights):
    return st.builds(
        Point,
        st.sampled_from(IDS),
        payloads,
        st.fixed_dictionaries({}, optional={"dense": dense_vectors(dense)}),
        st.fixed_dictionaries(
            {}, optional={"latents": sparse_vectors(sparse), "bm25": sparse_vectors(sparse)}
        ),
    )


bounds = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 2.5, 1e299])
ranges = st.builds(
    Range, st.sampled_from(KEYS), gte=bounds, lt=st.none() | bounds, gt=st.none() | bounds
) | st.builds(Range, st.sampled_from(KEYS), lte=bounds)
any_ofs = st.builds(
    AnyOf, st.sampled_from(KEYS), st.lists(scalars, max_size=3).map(tuple)
) | st.builds(
    AnyOf,
    st.sampled_from(["dataset", "doc_id", "field"]),
    st.lists(st.sampled_from(["a", "b", "日本", "", "prompt", 1, True]), max_size=3).map(tuple),
)
id_sets = st.builds(Ids, st.frozensets(st.sampled_from([*IDS, "unknown", "ABC"]), max_size=3))
filters = st.recursive(
    any_ofs | ranges | id_sets,
    lambda inner: st.builds(Not, inner) | st.builds(And, st.lists(inner, max_size=3).map(tuple)),
    max_leaves=4,
)


def empty(store) -> None:
    store.delete(EVERYTHING)
    store.set_metadata({})


def assert_best(found, everything, limit: int, scale: float = 1.0) -> None:
    """`found` are the `limit` best of `everything`; equal scores at the cut may differ.

    Engines add up in single precision: scores agree within a few units of it, relative to
    the largest sum of magnitudes (`scale`).
    """
    tolerance = 2e-6 * max(scale, 1.0)
    wanted = {hit.id: hit.score for hit in everything}
    assert len(found) == min(limit, len(wanted))
    assert len({hit.id for hit in found}) == len(found)
    for hit in found:
        assert abs(hit.score - wanted[hit.id]) <= tolerance
    assert [(-hit.score, hit.id) for hit in found] == sorted((-h.score, h.id) for h in found)
    left_out = wanted.keys() - {hit.id for hit in found}
    if found and left_out:
        assert max(wanted[i] for i in left_out) <= found[-1].score + tolerance
