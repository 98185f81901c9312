import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from glassdex.sae.statistics import LatentStatistics

D_SAE = 12


def documents(n, seed=0):
    """(n, D_SAE) CSR with log-normal values; the last latent is silent, the first always active."""
    generator = np.random.default_rng(seed)
    active = generator.random((n, D_SAE)) < np.r_[1, np.full(D_SAE - 2, 0.3), 0]
    return sp.csr_array(np.float32(generator.lognormal(0, 1.5, (n, D_SAE)) * active))


def gathered(latents, sizes):
    statistics = LatentStatistics(D_SAE)
    edges = np.cumsum([0, *sizes])
    for start, stop in itertools.pairwise(edges):
        statistics.add(latents[start:stop])
    return statistics


@pytest.fixture(scope="module")
def latents():
    return documents(1000)


@pytest.fixture(scope="module")
def statistics(latents):
    return gathered(latents, (1, 0, 299, 700))


def test_counts_densities_and_maxima_are_exact(latents, statistics):
    dense = latents.toarray()
    assert statistics.documents == 1000
    assert np.array_equal(statistics.count, (dense > 0).sum(0))
    assert np.array_equal(statistics.density, ((dense > 0).sum(0) / 1000).astype(np.float32))
    assert np.array_equal(statistics.maximum, dense.max(0))
    assert statistics.count[0] == 1000
    assert statistics.count[-1] == 0


@given(st.sampled_from([0.0, 0.05, 0.25, 0.5, 0.55, 0.9, 0.95, 0.99, 1.0]), st.integers(1, 200))
@settings(deadline=None, max_examples=60)
def test_percentiles_are_within_a_bin_of_the_exact_ones(share, n):
    latents = documents(n, seed=n)
    found = gathered(latents, (n,)).percentile(share)
    for latent, column in enumerate(latents.toarray().T):
        active = column[column > 0]
        if len(active):
            exact = np.percentile(active, share * 100, method="inverted_cdf")
            assert found[latent] == pytest.approx(exact, rel=0.0443)
            assert found[latent] <= active.max()
        else:
            assert found[latent] == 0


def test_the_order_of_the_documents_does_not_matter(latents, statistics):
    backwards = gathered(latents[::-1], (1000,))
    for share in (0.5, 0.9):
        assert np.array_equal(backwards.percentile(share), statistics.percentile(share))


def test_values_beyond_the_histogram_keep_their_count_and_maximum():
    statistics = LatentStatistics(2)
    statistics.add(sp.csr_array(np.float32([[1e-6, 1e6], [2e-6, 2e6]])))
    assert statistics.count.tolist() == [2, 2]
    assert statistics.maximum.tolist() == [np.float32(2e-6), 2e6]
    low, high = statistics.percentile(0.9)
    assert low == np.float32(2e-6)
    assert 15_000 < high < 2e6


def test_nothing_seen_is_all_zero():
    statistics = LatentStatistics(3)
    for values in (statistics.density, statistics.maximum, statistics.percentile(0.9)):
        assert values.tolist() == [0, 0, 0]
