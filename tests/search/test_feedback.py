"""What documents have in common, by hand."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from glassdex.search import feedback
from glassdex.search.background import Background, Vectors
from glassdex.search.feedback import in_common
from glassdex.store.types import SparseVector


def vectors(latents, dense):
    n = len(latents)
    empty = SparseVector.of([], [])
    return Vectors(
        [str(i) for i in range(n)],
        np.array(dense, np.float32),
        sp.csr_array(np.array(latents, np.float32)),
        [empty] * n,
    )


BACKGROUND = Background(
    sample=vectors([[0, 0, 0]], [[0, 0]]),
    frequency=np.array([0.5, 0.5, 0.5]),
    scale=np.array([2.0, 1.0, 4.0]),
    mean=np.array([0.5, 1.0, 0.0]),
    spread=np.array([0.5, 1.0, 0.0]),
    dense_mean=np.array([1.0, 0.0]),
)


def test_latents_are_weighed_by_their_excess_over_the_spread():
    common = in_common(vectors([[4, 0, 0], [2, 1, 0]], [[1, 2], [1, 4]]), BACKGROUND)
    # Scaled means 1.5, 0.5, 0; excess 1.0, -0.5, 0; over spread 2, below zero, 0.
    np.testing.assert_allclose(common.latents, [1, 0, 0])
    # Mean (1, 3) less (1, 0).
    np.testing.assert_allclose(common.dense, [0, 1])


def test_a_latent_without_spread_counts_by_the_floor():
    common = in_common(vectors([[4, 0, 4]], [[1, 1]]), BACKGROUND)
    excess = np.array([1.5 / 0.5, 0, 1 / feedback._FLOOR])
    np.testing.assert_allclose(common.latents, excess / excess.sum())


def test_only_the_strongest_are_kept(monkeypatch):
    monkeypatch.setattr(feedback, "KEPT", 1)
    common = in_common(vectors([[4, 8, 0]], [[1, 1]]), BACKGROUND)
    # Excess 1.5 over 0.5 is 3; 7 over 1 is 7.
    np.testing.assert_array_equal(common.latents, [0, 1, 0])


def test_nothing_has_nothing_in_common():
    common = in_common(vectors(np.zeros((0, 3)), np.zeros((0, 2))), BACKGROUND)
    assert not common.latents.any()
    assert not common.dense.any()


def test_documents_like_the_corpus_have_nothing_in_common():
    common = in_common(
        vectors([[1, 1, 0]], [[1, 0]]), replace(BACKGROUND, mean=np.array([0.5, 1.0, 0.0]))
    )
    assert not common.latents.any()
    assert common.dense == pytest.approx([0, 0])
