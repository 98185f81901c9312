"""One step of SAE training: losses, gradients, Adam, and the constraints around them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from glassdex.sae.activation import JumpReLU
from glassdex.sae.fused_step import FusedStep
from glassdex.sae.loss import (
    dead_selection,
    l1_penalty,
    nested_reconstructions,
    normalised_mse,
    reconstruction_loss,
)
from glassdex.sae.selection import Selection, decode, encode
from glassdex.sae.training_config import TrainConfig
from glassdex.sae.training_state import TrainingState

AVERAGE_RATE = 0.02
"""Share of each batch in the running means that progress shows."""


@dataclass(frozen=True)
class Forward:
    """Losses of a batch, differentiable, and the code they came from."""

    reconstruction: Tensor
    """Mean nMSE of the nested reconstructions."""

    aux: Tensor
    """nMSE of what the dead latents make of the residual; 0 without dead latents."""

    sparsity: Tensor
    """L1 or L0 penalty; 0 for topk and batchtopk."""

    nmse: float
    """nMSE of the whole reconstruction."""

    values: Tensor
    """(n,) activations, without gradient."""

    at: Selection
    """Their places."""


def forward(state: TrainingState, x: Tensor, train: TrainConfig) -> Forward:
    """Losses of a batch of scaled hidden states.

    Args:
        state: the weights.
        x: (rows, d_in) float32, already multiplied by the input scale.
        train: says which latents are dead and how many of them help.
    """
    weights, prefixes = state.weights, state.config.matryoshka or (state.config.d_sae,)
    centred = x - weights.b_dec
    with torch.no_grad():
        pre = torch.addmm(weights.b_enc, centred, weights.w_enc.T, out=state.scratch[: len(x)])
        at = Selection.from_mask(state.activation.training_mask(pre))
    selected = encode(centred, weights.w_enc, weights.b_enc, pre, at)
    values = state.activation.values(selected, at.latents)
    parts = nested_reconstructions(values, at, weights.w_dec, weights.b_dec, prefixes)
    residual = (x - parts[-1]).detach()
    return Forward(
        reconstruction=reconstruction_loss(parts, x),
        aux=aux_loss(state, centred, pre, residual, train),
        sparsity=sparsity_loss(state, selected, values, at),
        nmse=float(normalised_mse(parts[-1].detach(), x)),
        values=values.detach(),
        at=at,
    )


def aux_loss(
    state: TrainingState, centred: Tensor, pre: Tensor, residual: Tensor, train: TrainConfig
) -> Tensor:
    """nMSE of the residual's reconstruction from the top aux_k dead latents (2408.00657)."""
    dead = state.dead(train.dead_after)
    if not (train.aux_k and len(dead)):
        return torch.zeros(())
    at = dead_selection(pre, dead, train.aux_k)
    weights = state.weights
    values = encode(centred, weights.w_enc, weights.b_enc, pre, at)
    return normalised_mse(decode(values, at, weights.w_dec), residual)


def sparsity_loss(state: TrainingState, pre: Tensor, values: Tensor, at: Selection) -> Tensor:
    """L1 of the activations for relu, L0 for jumprelu, else 0."""
    if isinstance(state.activation, JumpReLU):
        return state.activation.steps(pre.detach(), at.latents).sum() / at.n_rows
    if state.config.activation == "relu":
        return l1_penalty(values, at.n_rows, state.config.d_in)
    return torch.zeros(())


def train_step(state: TrainingState, batch: Tensor, train: TrainConfig, total: int) -> float:
    """Change the state by one step, by autograd.

    Args:
        state: changed in place.
        batch: (rows, d_in) float32, hidden states not scaled.
        train: the settings.
        total: steps of the whole run, for the schedules.

    Returns:
        The loss before the step.
    """
    result = forward(state, batch * state.config.scale, train)
    coefficient = (
        train.l0_coefficient if state.config.activation == "jumprelu" else train.l1_coefficient
    )
    penalty = coefficient * train.sparsity_at(state.step, total) * result.sparsity
    loss = result.reconstruction + train.aux_coefficient * result.aux + penalty
    loss.backward()  # type: ignore[no-untyped-call]
    _update(state, train, train.learning_rate_at(state.step, total))
    _observe(state, result.nmse, result.at.latents, result.values, len(batch), train)
    return float(loss.detach())


def fused_train_step(
    fused: FusedStep, state: TrainingState, batch: Tensor, train: TrainConfig, total: int
) -> float:
    """As `train_step`, without autograd: the quick way on a processor."""
    x = (batch * state.config.scale).numpy()
    result = fused(x, train.learning_rate_at(state.step, total))
    latents, values = torch.from_numpy(result.latents).long(), torch.from_numpy(result.values)
    _observe(state, result.nmse, latents, values, len(batch), train)
    return result.loss


@torch.no_grad()
def _update(state: TrainingState, train: TrainConfig, learning_rate: float) -> None:
    """Adam, with decoder rows kept at norm 1."""
    decoder = state.weights.w_dec
    if decoder.grad is not None:
        # What would only lengthen a row must not enter Adam's moments.
        decoder.grad -= (decoder.grad * decoder).sum(1, keepdim=True) * decoder
    group = state.optimizer.param_groups[0]
    torch.nn.utils.clip_grad_norm_(group["params"], train.clip_norm)
    group["lr"] = learning_rate
    state.optimizer.step()
    state.optimizer.zero_grad()
    decoder /= decoder.norm(dim=1, keepdim=True)
    if isinstance(state.activation, JumpReLU):
        state.weights.threshold.clamp_(min=0)


@torch.no_grad()
def _observe(
    state: TrainingState,
    nmse: float,
    latents: Tensor,
    values: Tensor,
    n_rows: int,
    train: TrainConfig,
) -> None:
    """Counters, running means and the inference threshold after a step.

    `latents` and `values` are the (n,) entries of the code.
    """
    first, state.step = state.step == 0, state.step + 1
    active = values > 0
    state.silent += n_rows
    state.silent[latents[active]] = 0
    l0 = int(active.sum()) / n_rows
    rate = 1.0 if first else AVERAGE_RATE
    state.nmse += rate * (nmse - state.nmse)
    state.l0 += rate * (l0 - state.l0)
    if state.config.activation == "batchtopk" and bool(active.any()):
        smallest = values[active].min()
        state.weights.threshold.lerp_(smallest, 1.0 if first else train.threshold_rate)
