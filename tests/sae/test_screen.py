from typing import get_args

import numpy as np
import pytest
import torch

from glassdex.sae.autoencoder import SparseAutoencoder, Weights
from glassdex.sae.config import SAEConfig
from glassdex.sae.precision import Precision, quickest
from glassdex.sae.screen import Screen

PRECISIONS = get_args(Precision)


def products(screen, centred, proven):
    """What the screen shows, its bound, and the pre-activations in float64."""
    shown, slack = [], []
    for _, rows in screen.look(centred, proven=proven):
        raw = rows.raw.astype(np.float64) * rows.unit[:, None] * screen.latents.unit
        shown.append(raw + screen.latents.bias)
        bound = np.outer(rows.reach, screen.latents.norm) + np.outer(rows.size, screen.latents.lost)
        slack.append(bound + rows.relative * np.abs(raw))
    exact = centred.astype(np.float64) @ screen.latents.weight.T.astype(np.float64)
    return np.concatenate(shown), np.concatenate(slack), exact + screen.latents.bias


def awkward(rows, columns, seed):
    """Rows with outliers, tiny and huge values, zeros, and one that is all alike."""
    generator = np.random.default_rng(seed)
    values = generator.standard_t(2, (rows, columns)) * 10.0 ** generator.integers(-3, 4, (rows, 1))
    values[3], values[5] = 0, 1
    values[7, 1:] = 1e-6
    return values.astype(np.float32)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("seed", range(5))
def test_the_bound_holds_for_awkward_rows(precision, seed):
    weight = awkward(300, 48, seed)
    screen = Screen.of(weight, weight[:, 0] * 3, precision)
    shown, slack, exact = products(screen, awkward(200, 48, seed + 100), proven=True)
    assert (np.abs(shown - exact) <= slack).all()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_aligned_errors_reach_the_bound_but_not_beyond(precision):
    """Every rounding error of the same sign as its weight: the worst there is."""
    row = np.full((2, 64), 100.4, np.float32)
    row[:, 0] = 127
    screen = Screen.of(np.ones((1, 64), np.float32), np.zeros(1, np.float32), precision)
    shown, slack, exact = products(screen, row, proven=True)
    assert (np.abs(shown - exact) <= slack).all()
    if precision == "int8":
        assert np.abs(shown - exact).max() > 0.9 * slack.max()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_independent_errors_stay_within_six_sigmas(precision):
    generator = np.random.default_rng(0)
    weight = generator.normal(size=(2000, 384)).astype(np.float32)
    screen = Screen.of(weight, np.zeros(2000, np.float32), precision)
    states = generator.normal(size=(500, 384)).astype(np.float32)
    shown, slack, exact = products(screen, states, proven=False)
    assert (np.abs(shown - exact) <= slack).all()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_refresh_follows_changed_weights(precision):
    weight = awkward(40, 16, 0)
    screen = Screen.of(weight, np.zeros(40, np.float32), precision)
    weight[10:20] *= -2
    screen.refresh(10, 20)
    fresh = Screen.of(weight, np.zeros(40, np.float32), precision)
    assert np.array_equal(screen.rounded.codes.float(), fresh.rounded.codes.float())
    for seen, wanted in zip(screen.latents, fresh.latents, strict=True):
        assert np.array_equal(seen, wanted)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_latents_of_real_documents_do_not_depend_on_the_format(
    precision, reader, demo_texts, monkeypatch
):
    """The shipped SAE on the demo's texts: equal to the plain formula, value for value."""
    from glassdex.sae.bundle import folder_of
    from glassdex.sae.folder import load

    sae = load(folder_of("bundled"))
    hidden = np.concatenate([b.hidden for b in reader.read(reader.tokenize(demo_texts[:40]))])
    screen = Screen.of(sae.weights.w_enc.numpy(), sae.weights.b_enc.numpy(), precision)
    monkeypatch.setitem(vars(sae), "screen", screen)
    assert np.array_equal(sae.encode(hidden).toarray(), sae.codes(hidden))


def test_a_format_is_chosen():
    assert quickest() in PRECISIONS


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("seed", range(5))
def test_the_largest_are_found_where_products_cancel_a_large_bias(precision, seed):
    """Products of 1024 and biases of -1024: what a relative error is taken of is far larger than
    what it leaves."""
    generator = np.random.default_rng(seed)
    states = generator.choice([-1.0, 1.0], (200, 32)).astype(np.float32)
    weight = generator.integers(-3, 4, (600, 32)).astype(np.float32)
    states[:, 0] = weight[:, 0] = 32
    bias = (generator.normal(size=600) - 1024).astype(np.float32)
    w_enc = torch.from_numpy(weight)
    directions = torch.nn.functional.normalize(w_enc, dim=1)
    weights = Weights(w_enc, torch.from_numpy(bias), directions, torch.zeros(32), torch.zeros(0))
    sae = SparseAutoencoder(SAEConfig(32, 600, "topk", 5), weights)
    sae.__dict__["screen"] = Screen.of(weight, bias, precision)
    assert np.array_equal(sae.encode(states).toarray(), sae.codes(states))
