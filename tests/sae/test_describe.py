from dataclasses import replace

import numpy as np
import pytest
import torch

from glassdex.sae.autoencoder import SparseAutoencoder, Weights
from glassdex.sae.describe import MEANING_PASSAGES, describe
from glassdex.sae.encoder import TextEncoder
from glassdex.sae.passages import TopPassages

D_SAE, SILENT = 8, 5


@pytest.fixture(scope="module")
def small(reader, tiny_sae):
    """Eight latents of the small SAE, one of them silenced."""
    full = tiny_sae.weights
    bias = torch.zeros(D_SAE)
    bias[SILENT] = -1000
    weights = Weights(full.w_enc[:D_SAE], bias, full.w_dec[:D_SAE], full.b_dec, full.threshold)
    config = replace(tiny_sae.config, d_sae=D_SAE, k=2)
    return TextEncoder(reader, SparseAutoencoder(config, weights))


@pytest.fixture(scope="module")
def texts(demo_texts):
    return demo_texts[:60]


@pytest.fixture(scope="module")
def described(small, texts):
    told = []
    return describe(small, iter(texts), date="2026-01-02", on_progress=told.append), told


@pytest.fixture(scope="module")
def gathered(small, texts):
    """The strongest passages of each latent, and the latents of each text."""
    top = TopPassages(D_SAE, MEANING_PASSAGES)
    pooled = top.add(small, texts)
    return top.all(), pooled.toarray()


def test_statistics_are_those_of_the_documents(gathered, described):
    catalogue, told = described
    latents = gathered[1]
    assert sum(told) == 60
    assert np.array_equal(catalogue.density, (latents > 0).mean(0).astype(np.float32))
    assert np.array_equal(catalogue.maximum, latents.max(0))
    for latent, column in enumerate(latents.T):
        active = column[column > 0]
        exact = np.percentile(active, 90, method="inverted_cdf") if len(active) else 0
        assert catalogue.p90[latent] == pytest.approx(exact, rel=0.045)


def test_every_latent_that_was_active_has_a_label(described):
    catalogue, _ = described
    for latent, labels in enumerate(catalogue.labels):
        assert len(labels) == (catalogue.density[latent] > 0)
        for label in labels:
            assert label.text
            assert (label.source, label.date) == ("c-tf-idf", "2026-01-02")
            assert 0 <= label.score <= 1
    assert catalogue.labels[SILENT] == ()
    assert catalogue.name(SILENT) == f"latent {SILENT}"


def test_a_meaning_is_the_mean_embedding_of_the_strongest_passages(small, gathered, described):
    catalogue, _ = described
    for latent in (0, SILENT):
        strongest = [passage.text for passage in gathered[0][latent]]
        mean = small.encode(strongest).dense.sum(0)
        expected = mean / np.linalg.norm(mean) if strongest else mean
        np.testing.assert_allclose(catalogue.vectors[latent], expected, atol=1e-6, rtol=0)
    assert catalogue.vectors.shape == (D_SAE, 384)
    assert catalogue.vectors.dtype == np.float32
    assert not catalogue.vectors[SILENT].any()


def test_nothing_to_read_describes_nothing(small):
    catalogue = describe(small, [], date="2026-01-02")
    assert len(catalogue) == D_SAE
    assert not catalogue.density.any()
    assert not any(catalogue.labels)
    assert not catalogue.vectors.any()
