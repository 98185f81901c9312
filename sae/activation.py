"""The activation functions of an SAE behind one interface.

Each decides which latents of a row are active; their activation is then the pre-activation
itself. TopK and BatchTopK keep only positive values, so active always means activation > 0.

Sources: TopK 2406.04093; BatchTopK 2412.06410; JumpReLU 2407.14435.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor


class Activation(Protocol):
    """Which latents are active. `pre` is (rows, d_sae) float32: W_enc x + b_enc."""

    def active(self, pre: Tensor) -> Tensor:
        """(rows, d_sae) bool at inference: depends on each row alone."""

    def training_mask(self, pre: Tensor) -> Tensor:
        """(rows, d_sae) bool: the entries that take part in a training step."""

    def values(self, pre: Tensor, latents: Tensor) -> Tensor:
        """Activations of the (n,) entries in the training mask, differentiable in `pre`."""


class _Plain:
    """What most of them share: an entry in the mask is active, with its pre-activation."""

    def values(self, pre: Tensor, latents: Tensor) -> Tensor:  # noqa: ARG002 - of the interface
        """The pre-activations themselves."""
        return pre


@dataclass(frozen=True)
class TopK(_Plain):
    """The k largest pre-activations of each row, if positive; ties go to the lower latent."""

    k: int

    def active(self, pre: Tensor) -> Tensor:
        """At most k per row."""
        kth = pre.topk(self.k, dim=1).values[:, -1:]
        mask = (pre >= kth) & (pre > 0)
        tied = mask.sum(1) > self.k
        if bool(tied.any()):
            mask[tied] = _first_k(pre[tied], self.k) & (pre[tied] > 0)
        return mask

    def training_mask(self, pre: Tensor) -> Tensor:
        """As at inference."""
        return self.active(pre)


@dataclass(frozen=True)
class BatchTopK(_Plain):
    """The k * rows largest pre-activations of a batch, if positive; at inference a threshold."""

    k: int
    threshold: Tensor
    """(1,): a latent is active above it. The running mean of the smallest active value."""

    def active(self, pre: Tensor) -> Tensor:
        """Above the threshold, so that a row's code does not depend on its batch."""
        return pre > self.threshold

    def training_mask(self, pre: Tensor) -> Tensor:
        """At most k * rows in the batch; ties go to the lower row, then the lower latent."""
        flat = pre.numpy().reshape(-1)
        wanted = self.k * len(pre)
        least = np.partition(flat, -wanted)[-wanted]
        if least <= 0:
            return pre > 0
        mask = flat >= least
        surplus = int(np.count_nonzero(mask)) - wanted
        if surplus:
            mask[np.flatnonzero(flat == least)[-surplus:]] = False
        return torch.from_numpy(mask).view(pre.shape)


@dataclass(frozen=True)
class ReLU(_Plain):
    """Every positive pre-activation; made sparse by an L1 penalty in training."""

    def active(self, pre: Tensor) -> Tensor:
        """Above 0."""
        return pre > 0

    def training_mask(self, pre: Tensor) -> Tensor:
        """As at inference."""
        return pre > 0


@dataclass(frozen=True)
class JumpReLU:
    """Every pre-activation above its latent's own threshold; the thresholds are learned.

    A step has no useful derivative, so thresholds learn from those entries that are within half
    a bandwidth of them: the pseudo-derivatives of 2407.14435, section 3.
    """

    threshold: Tensor
    """(d_sae,), not negative."""

    bandwidth: float
    """Width of the rectangle kernel; only for training."""

    def active(self, pre: Tensor) -> Tensor:
        """Above the latent's threshold."""
        return pre > self.threshold

    def training_mask(self, pre: Tensor) -> Tensor:
        """The active entries and those just below, through which a threshold can come down."""
        return pre > self.threshold - self.bandwidth / 2

    def values(self, pre: Tensor, latents: Tensor) -> Tensor:
        """z H(z - theta); its slope in theta is -theta / bandwidth within the kernel."""
        theta = self.threshold[latents]
        slope = -theta.detach() * self._kernel(pre, theta)
        return pre * (pre > theta) + _slope_only(theta, slope)

    def steps(self, pre: Tensor, latents: Tensor) -> Tensor:
        """H(z - theta), whose sum is L0; its slope in theta is -1 / bandwidth in the kernel."""
        theta = self.threshold[latents]
        return (pre > theta).to(pre.dtype) + _slope_only(theta, -self._kernel(pre, theta))

    def _kernel(self, pre: Tensor, theta: Tensor) -> Tensor:
        """K((z - theta) / bandwidth) / bandwidth, K = 1 on (-1/2, 1/2)."""
        near = (pre.detach() - theta.detach()).abs() < self.bandwidth / 2
        return near / self.bandwidth


BUILDERS: Mapping[str, Callable[[int, Tensor, float], Activation]] = {
    "topk": lambda k, _threshold, _bandwidth: TopK(k),
    "batchtopk": lambda k, threshold, _bandwidth: BatchTopK(k, threshold),
    "relu": lambda _k, _threshold, _bandwidth: ReLU(),
    "jumprelu": lambda _k, threshold, bandwidth: JumpReLU(threshold, bandwidth),
}
"""One entry for each value of `SAEConfig.activation`: (k, threshold, bandwidth) to activation."""


def _first_k(pre: Tensor, k: int) -> Tensor:
    """Mask of the k largest of each row where equal values count by position."""
    order = pre.argsort(dim=1, descending=True, stable=True)[:, :k]
    return torch.zeros_like(pre, dtype=torch.bool).scatter_(1, order, True)


def _slope_only(variable: Tensor, slope: Tensor) -> Tensor:
    """Exactly 0, with `slope` as its derivative in `variable`."""
    return (variable - variable.detach()) * slope
