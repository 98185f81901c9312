import json

import numpy as np
import pytest
import torch

from glassdex.errors import SAEError
from glassdex.sae.autoencoder import SparseAutoencoder, Weights
from glassdex.sae.config import SAEConfig
from glassdex.sae.quality import quality

ROWS, D_IN, D_SAE = 700, 10, 30


@pytest.fixture
def sae():
    generator = torch.Generator().manual_seed(0)
    decoder = torch.nn.functional.normalize(torch.randn(D_SAE, D_IN, generator=generator), dim=1)
    b_enc = torch.zeros(D_SAE)
    b_enc[4] = -1e3  # never active
    b_enc[5] = 1e3  # always active
    config = SAEConfig(D_IN, D_SAE, "topk", 4, scale=0.5)
    b_dec = torch.randn(D_IN, generator=generator) + 20_000 * config.scale
    return SparseAutoencoder(
        config, Weights(decoder.clone(), b_enc, decoder, b_dec, torch.zeros(0))
    )


@pytest.fixture
def x():
    # Far from the origin, where a careless sum of squares would lose its digits.
    return np.random.default_rng(0).normal(20_000, 1, (ROWS, D_IN)).astype(np.float32)


def test_figures_are_those_of_the_whole_matrix(sae, x):
    report = quality(sae, [x])
    exact = x.astype(np.float64)
    residual = exact - sae.decode(sae.encode(x))
    total = ((exact - exact.mean(0)) ** 2).sum()
    active = sae.encode(x).toarray() > 0
    density = active.mean(0)
    assert report.tokens == ROWS
    assert report.nmse == pytest.approx((residual**2).sum() / total, rel=1e-9)
    assert report.explained_variance == pytest.approx(
        1 - residual.var(0).sum() / exact.var(0).sum(), rel=1e-9
    )
    assert report.l0 == pytest.approx(active.sum(1).mean())
    assert report.dead_share == pytest.approx((density == 0).mean())
    assert report.dead_share > 0
    logs = np.log10(density[density > 0])
    assert report.mean_log_density == pytest.approx(logs.mean())
    assert report.density_counts == tuple(np.histogram(logs, report.density_edges)[0])
    assert sum(report.density_counts) == (density > 0).sum()
    assert report.density_counts[-1] >= 1


def test_the_cut_into_blocks_does_not_matter(sae, x):
    whole = quality(sae, [x]).to_json()
    parts = quality(sae, (x[start : start + 37] for start in range(0, ROWS, 37))).to_json()
    assert parts.pop("density_counts") == whole.pop("density_counts")
    assert parts.pop("density_edges") == whole.pop("density_edges")
    assert parts == pytest.approx(whole, rel=1e-9)


def test_numbers_that_do_not_exist_are_null(sae, x):
    report = quality(sae, [x[:1]])
    assert json.loads(json.dumps(report.to_json(), allow_nan=False))["nmse"] is None


def test_no_hidden_states(sae):
    with pytest.raises(SAEError, match="no hidden states"):
        quality(sae, [])
