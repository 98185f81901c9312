"""The sparse step against the same losses written densely and left to autograd."""

import math
from dataclasses import replace

import pytest
import torch

from glassdex.sae import selection
from glassdex.sae.autoencoder import Weights, weight_shapes
from glassdex.sae.config import SAEConfig
from glassdex.sae.training_config import TrainConfig
from glassdex.sae.training_state import learned_tensors, new_state
from glassdex.sae.training_step import forward, train_step

D_IN, D_SAE, ROWS, K = 8, 20, 30, 3
TRAIN = TrainConfig(batch_size=ROWS, aux_k=4, dead_after=100, bandwidth=0.05)
KINDS = [("topk", K), ("batchtopk", K), ("relu", None), ("jumprelu", None)]


def make_state(activation, k, matryoshka=(), train=TRAIN, dead=()):
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    config = SAEConfig(D_IN, D_SAE, activation, k, matryoshka, scale=1.5)
    (thresholds,) = weight_shapes(config).get("threshold", (0,))
    weights = Weights(
        w_enc=normal(D_SAE, D_IN) / 2,
        b_enc=normal(D_SAE) / 3,
        w_dec=torch.nn.functional.normalize(normal(D_SAE, D_IN), dim=1),
        b_dec=normal(D_IN) / 4,
        threshold=torch.rand(thresholds, generator=generator) + 0.5,
    )
    state = new_state(config, train, weights)
    state.silent[list(dead)] = train.dead_after + 1
    return state


def batch(seed=5):
    return torch.randn(ROWS, D_IN, generator=torch.Generator().manual_seed(seed)) + 0.5


def dense_nmse(reconstruction, target):
    return ((reconstruction - target) ** 2).mean() / ((target - target.mean(0)) ** 2).mean()


def dense_codes(activation, pre, threshold):
    if activation == "topk":
        keep = torch.zeros_like(pre).scatter(1, pre.topk(K, dim=1).indices, 1.0)
    elif activation == "batchtopk":
        keep = torch.zeros(pre.numel()).scatter(0, pre.flatten().topk(K * ROWS).indices, 1.0)
        keep = keep.view(pre.shape)
    elif activation == "relu":
        keep = torch.ones_like(pre)
    else:
        return dense_jump(pre, threshold)
    return torch.relu(pre) * keep, torch.zeros(())


def dense_jump(pre, threshold):
    """2407.14435 on the full matrix: values and L0 with their pseudo-derivatives in theta."""
    width = TRAIN.bandwidth * math.sqrt(D_IN)
    kernel = ((pre - threshold).abs().detach() < width / 2) / width
    moved = threshold - threshold.detach()
    active = (pre > threshold).float()
    values = pre * active - moved * threshold.detach() * kernel
    return values, (active - moved * kernel).sum() / ROWS


def dense_loss(state, x, dead):
    """All losses without a single sparse operation."""
    w, activation = state.weights, state.config.activation
    pre = (x - w.b_dec) @ w.w_enc.T + w.b_enc
    codes, l0 = dense_codes(activation, pre, w.threshold)
    prefixes = state.config.matryoshka or (D_SAE,)
    parts = [codes[:, :p] @ w.w_dec[:p] + w.b_dec for p in prefixes]
    loss = sum(dense_nmse(part, x) for part in parts) / len(parts)
    if dead:
        top = pre[:, dead].topk(min(TRAIN.aux_k, len(dead)), dim=1)
        of_dead = torch.zeros(ROWS, len(dead)).scatter(1, top.indices, torch.relu(top.values))
        residual = (x - parts[-1]).detach()
        loss = loss + TRAIN.aux_coefficient * dense_nmse(of_dead @ w.w_dec[dead], residual)
    if activation == "relu":
        loss = loss + TRAIN.l1_coefficient * codes.sum() / ROWS / math.sqrt(D_IN)
    return loss + TRAIN.l0_coefficient * l0


@pytest.mark.parametrize("dense_share", [0.0, 1.0], ids=["dense", "sparse"])
@pytest.mark.parametrize("dead", [[], [1, 4, 5, 6, 7, 11, 19]], ids=["alive", "dead"])
@pytest.mark.parametrize("matryoshka", [(), (5, 12, D_SAE)], ids=["flat", "nested"])
@pytest.mark.parametrize(("activation", "k"), KINDS)
def test_losses_and_gradients_equal_the_dense_formulas(
    monkeypatch, activation, k, matryoshka, dead, dense_share
):
    monkeypatch.setattr(selection, "DENSE_SHARE", dense_share)
    state = make_state(activation, k, matryoshka, dead=dead)
    x = batch()
    leaves = list(learned_tensors(state.config, state.weights).values())
    wanted_loss = dense_loss(state, x, dead)
    wanted = torch.autograd.grad(wanted_loss, leaves)

    result = forward(state, x, TRAIN)
    coefficient = TRAIN.l0_coefficient if activation == "jumprelu" else TRAIN.l1_coefficient
    loss = result.reconstruction + TRAIN.aux_coefficient * result.aux
    loss = loss + coefficient * result.sparsity
    found = torch.autograd.grad(loss, leaves)

    torch.testing.assert_close(loss, wanted_loss)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
    assert any(gradient.any() for gradient in found)


def test_a_step_keeps_the_decoder_at_norm_one_and_moves_everything():
    state = make_state("batchtopk", K)
    before = {name: t.detach().clone() for name, t in state.weights.named().items()}
    train_step(state, batch(), TRAIN, total=10)
    torch.testing.assert_close(state.weights.w_dec.norm(dim=1), torch.ones(D_SAE))
    for name, tensor in state.weights.named().items():
        assert not torch.equal(tensor, before[name])


def test_the_first_step_is_adams_with_the_parallel_gradient_removed():
    """After one step Adam moves by the learning rate in the direction of the gradient's sign."""
    train = TrainConfig(batch_size=ROWS, warmup=0, decay=0, learning_rate=1e-3, clip_norm=1e9)
    state = make_state("topk", K, train=train)
    decoder = state.weights.w_dec.detach().clone()
    (gradient,) = torch.autograd.grad(
        dense_loss(state, batch() * state.config.scale, []), [state.weights.w_dec]
    )
    gradient = gradient - (gradient * decoder).sum(1, keepdim=True) * decoder
    moved = decoder - 1e-3 * gradient / (gradient.abs() + 1e-8)
    wanted = moved / moved.norm(dim=1, keepdim=True)
    train_step(state, batch(), train, total=10)
    large = gradient.abs() > 1e-5
    torch.testing.assert_close(state.weights.w_dec[large], wanted[large], rtol=0, atol=2e-6)


def test_counters_follow_what_fired():
    state = make_state("topk", K)
    result = forward(state, batch() * state.config.scale, TRAIN)
    fired = set(result.at.latents.tolist())
    train_step(state, batch(), TRAIN, total=10)
    silent = {i for i in range(D_SAE) if i not in fired}
    assert state.silent.tolist() == [ROWS if i in silent else 0 for i in range(D_SAE)]
    assert state.step == 1
    assert state.l0 == len(result.at.latents) / ROWS
    assert state.nmse == pytest.approx(result.nmse)


def test_an_entry_just_below_jumprelus_threshold_has_not_fired():
    train = replace(TRAIN, bandwidth=2.0)
    state = make_state("jumprelu", None, train=train)
    with torch.no_grad():
        state.weights.threshold[:5] = 6.0
        state.weights.w_enc[:5] = 0.0
        state.weights.b_enc[:5] = 5.0
    result = forward(state, batch() * state.config.scale, train)
    assert set(range(5)) <= set(result.at.latents.tolist())
    train_step(state, batch(), train, total=10)
    assert state.silent[:5].tolist() == [ROWS] * 5
    assert state.l0 == int((result.values > 0).sum()) / ROWS


def test_the_batchtopk_threshold_is_a_running_mean_of_the_smallest_activation():
    train = TrainConfig(batch_size=ROWS, threshold_rate=0.25)
    state = make_state("batchtopk", K, train=train)
    smallest = []
    for seed in (1, 2):
        x = batch(seed)
        smallest.append(float(forward(state, x * state.config.scale, train).values.min()))
        train_step(state, x, train, total=10)
    wanted = smallest[0] + 0.25 * (smallest[1] - smallest[0])
    assert float(state.weights.threshold) == pytest.approx(wanted, rel=1e-5)


def test_jumprelu_thresholds_never_become_negative():
    train = TrainConfig(batch_size=ROWS, learning_rate=5.0, warmup=0, bandwidth=0.5)
    state = make_state("jumprelu", None, train=train)
    for seed in range(3):
        train_step(state, batch(seed), train, total=10)
    assert float(state.weights.threshold.detach().min()) >= 0
