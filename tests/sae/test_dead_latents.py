import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from glassdex.sae.dead_latents import DeadLatents
from glassdex.sae.fused_kernels import Tensors, keep_strongest

SMALL = arrays(np.float32, (4, 9), elements=st.integers(-3, 3))


@settings(deadline=None)
@given(rows=SMALL, k=st.integers(1, 12))
def test_the_largest_positive_numbers_of_a_row_are_kept_and_of_equal_ones_the_first(rows, k):
    kept = rows.copy()
    keep_strongest(kept, k)
    for row, found in zip(rows, kept, strict=True):
        order = np.argsort(-row, kind="stable")[:k]
        wanted = np.zeros_like(row)
        wanted[order] = np.maximum(row[order], 0)
        assert np.array_equal(found, wanted)


def latents(names, k):
    generator = np.random.default_rng(0)
    w_enc, w_dec = generator.normal(size=(2, 60, 5)).astype(np.float32)
    bias = generator.normal(size=60).astype(np.float32)
    weights = Tensors(w_enc, bias, w_dec, np.zeros(5, np.float32))
    return DeadLatents.of(weights, np.array(names, np.int64), k, slot=1)


@pytest.mark.parametrize(("dead", "dense"), [(0, False), (1, True), (32, True), (33, False)])
def test_few_dead_latents_are_revived_by_dense_products(dead, dense):
    assert latents(range(dead), 2).dense == dense


def test_entries_name_the_dead_latents_and_their_activations():
    dead = latents(range(3, 60), 2)
    rows = np.random.default_rng(1).normal(size=(6, 5)).astype(np.float32)
    code = dead.strongest(rows)
    pre = rows @ dead.w_enc.numpy().T + dead.b_enc.numpy()
    found = np.split(np.stack([code.latents, code.values]), code.counts.cumsum()[:-1], axis=1)
    for row, (names, values) in zip(pre, found, strict=True):
        best = np.sort(np.argsort(-row)[:2])
        best = best[row[best] > 0]
        assert np.array_equal(names, best + 3)
        np.testing.assert_allclose(values, row[best], rtol=1e-5)
    assert (code.slots == 1).all()
