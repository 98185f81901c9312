"""The fused step against autograd: losses, gradients, and where many steps lead."""

import numpy as np
import pytest
import torch

from glassdex.sae import fused_step, workers
from glassdex.sae.autoencoder import Weights
from glassdex.sae.config import SAEConfig
from glassdex.sae.fused_step import FusedStep
from glassdex.sae.training_config import TrainConfig
from glassdex.sae.training_state import new_state
from glassdex.sae.training_step import forward, fused_train_step, train_step

D_IN, D_SAE, ROWS = 40, 300, 700
TRAIN = TrainConfig(batch_size=ROWS, aux_k=8, dead_after=100, clip_norm=0.05)
CASES = [
    pytest.param(activation, sizes, dead, id=f"{activation}-{len(sizes)}-sizes-{dead}-dead")
    for activation in ("topk", "batchtopk")
    for sizes in ((), (50, 120, D_SAE))
    for dead in (0, 5, 100, 200)
]


def state_of(activation, sizes, dead, train=TRAIN):
    generator = torch.Generator().manual_seed(0)
    rows = torch.nn.functional.normalize(torch.randn(D_SAE, D_IN, generator=generator), dim=1)
    thresholds = torch.zeros(1 if activation == "batchtopk" else 0)
    bias, centre = (torch.randn(n, generator=generator) * 0.1 for n in (D_SAE, D_IN))
    weights = Weights(rows.clone(), bias, rows, centre, thresholds)
    state = new_state(SAEConfig(D_IN, D_SAE, activation, 7, matryoshka=sizes), train, weights)
    state.silent[:dead] = 1000
    return state


def batch(seed=0):
    generator = np.random.default_rng(seed)
    spread = 1 + 3 * generator.random(D_IN)
    return (generator.normal(size=(ROWS, D_IN)) * spread).astype(np.float32)


def by_autograd(state, x):
    """Loss and gradients; the decoder's without what would only lengthen a row."""
    result = forward(state, torch.from_numpy(x), TRAIN)
    loss = result.reconstruction + TRAIN.aux_coefficient * result.aux
    loss.backward()
    weights = state.weights
    decoder = weights.w_dec.detach()
    along = (weights.w_dec.grad * decoder).sum(1, keepdim=True)
    gradients = {
        "w_enc": weights.w_enc.grad,
        "b_enc": weights.b_enc.grad,
        "w_dec": weights.w_dec.grad - along * decoder,
        "b_dec": weights.b_dec.grad,
    }
    return float(loss.detach()), result, gradients


@pytest.mark.parametrize(("activation", "sizes", "dead"), CASES)
def test_losses_and_gradients_are_those_of_autograd(activation, sizes, dead):
    loss, wanted, gradients = by_autograd(state_of(activation, sizes, dead), batch())
    result, found = FusedStep(state_of(activation, sizes, dead), TRAIN).gradients(batch())
    assert result.loss == pytest.approx(loss, rel=1e-5)
    assert result.nmse == pytest.approx(wanted.nmse, rel=1e-5)
    assert sorted(result.latents.tolist()) == sorted(wanted.at.latents.tolist())
    for name, gradient in gradients.items():
        scale = float(gradient.abs().max())
        np.testing.assert_allclose(
            getattr(found, name), gradient.numpy(), rtol=0, atol=2e-6 * scale, err_msg=name
        )


@pytest.mark.parametrize(("activation", "sizes", "dead"), CASES)
def test_many_steps_lead_where_autograd_leads(activation, sizes, dead):
    plain, quick = state_of(activation, sizes, dead), state_of(activation, sizes, dead)
    fused = FusedStep(quick, TRAIN)
    for step in range(12):
        x = torch.from_numpy(batch(step))
        wanted = train_step(plain, x, TRAIN, total=20)
        assert fused_train_step(fused, quick, x, TRAIN, 20) == pytest.approx(wanted, rel=1e-4)
    assert quick.step == plain.step == 12
    assert torch.equal(quick.silent, plain.silent)
    assert quick.l0 == pytest.approx(plain.l0)
    for name, tensor in plain.weights.named().items():
        np.testing.assert_allclose(
            quick.weights.named()[name].detach(), tensor.detach(), atol=2e-4, err_msg=name
        )


@pytest.mark.parametrize("activation", ["topk", "batchtopk"])
def test_the_number_of_threads_changes_nothing(activation, monkeypatch):
    results = []
    for threads in (1, 3):
        monkeypatch.setattr(workers, "worker_count", lambda threads=threads: threads)
        state = state_of(activation, (), 5)
        fused = FusedStep(state, TRAIN)
        for step in range(3):
            fused_train_step(fused, state, torch.from_numpy(batch(step)), TRAIN, 20)
        results.append([t.detach().clone() for t in state.weights.named().values()])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("guess", [1e-6, 0.5, 100.0])
def test_a_bad_guess_of_the_cut_changes_nothing(guess):
    first, second = (FusedStep(state_of("batchtopk", (), 0), TRAIN) for _ in range(2))
    second._cut = guess
    one, other = first.gradients(batch()), second.gradients(batch())
    assert one[0].loss == other[0].loss
    for a, b in zip(one[1], other[1], strict=True):
        assert np.array_equal(a, b)


def test_of_equal_values_in_a_batch_the_first_rows_and_latents_stay():
    codes = [
        fused_step.Code(
            np.array([2, 1]),
            np.array([9, 4, 1], np.int32),
            np.array([1, 1, 2], np.float32),
            np.zeros(3, np.int8),
        ),
        fused_step.Code(
            np.array([1]), np.array([0], np.int32), np.ones(1, np.float32), np.zeros(1, np.int8)
        ),
    ]
    kept = fused_step._at_least(codes, np.float32(1), 2)
    assert kept[0].latents.tolist() == [4, 1]
    assert kept[0].counts.tolist() == [1, 1]
    assert kept[1].counts.tolist() == [0]


def test_nothing_active_is_no_error():
    state = state_of("topk", (), 0)
    with torch.no_grad():
        state.weights.b_enc.sub_(1e6)
    result, gradients = FusedStep(state, TRAIN).gradients(batch())
    assert len(result.latents) == 0
    assert not gradients.w_enc.any()
