"""The losses of SAE training, on scaled hidden states.

nMSE and aux-k: 2406.04093 (appendix A) as used by 2408.00657; Matryoshka: 2503.17547;
L0 penalty of JumpReLU: 2407.14435, equation 9.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from glassdex.sae.selection import Selection, decode


def normalised_mse(reconstruction: Tensor, target: Tensor) -> Tensor:
    """MSE over the MSE of always answering the batch's mean: 0 is perfect, 1 is the mean.

    Args:
        reconstruction: (rows, d_in).
        target: (rows, d_in).
    """
    baseline = (target - target.mean(0)).square().sum()
    error = (reconstruction - target).square().sum()
    return error / baseline.clamp_min(torch.finfo(target.dtype).tiny)


def nested_reconstructions(
    values: Tensor, at: Selection, w_dec: Tensor, b_dec: Tensor, prefixes: Sequence[int]
) -> list[Tensor]:
    """(rows, d_in) reconstruction from the first `prefix` latents, for each prefix.

    The prefixes share their work: each adds the latents that the one before lacks.
    """
    if len(prefixes) == 1:
        return [decode(values, at, w_dec) + b_dec]
    total, found = b_dec.expand(at.n_rows, -1), []
    for first, end in pairwise((0, *prefixes)):
        inside = (at.latents >= first) & (at.latents < end)
        total = total + decode(values[inside], at.where(inside), w_dec)
        found.append(total)
    return found


def reconstruction_loss(reconstructions: Sequence[Tensor], target: Tensor) -> Tensor:
    """Mean of the nMSE of all nested reconstructions; of one, its nMSE."""
    return torch.stack([normalised_mse(one, target) for one in reconstructions]).mean()


def dead_selection(pre: Tensor, dead: Tensor, k: int) -> Selection:
    """The k largest pre-activations of each row among dead latents, where positive.

    Args:
        pre: (rows, d_sae).
        dead: (n_dead,) int64, ascending.
        k: latents per row, 2 to 4 times the k of the SAE in the papers.
    """
    of_dead = pre[:, dead]
    top = of_dead.topk(min(k, len(dead)), dim=1).indices
    mask = torch.zeros_like(of_dead, dtype=torch.bool).scatter_(1, top, True) & (of_dead > 0)
    at = Selection.from_mask(mask)
    return Selection(at.rows, dead[at.latents], at.n_rows)


def l1_penalty(values: Tensor, n_rows: int, d_in: int) -> Tensor:
    """Mean over rows of the sum of activations, as if inputs had norm 1 and not sqrt(d_in)."""
    return values.sum() / (n_rows * math.sqrt(d_in))
