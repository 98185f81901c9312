"""Sparse codes in training: a list of active entries, with plain torch on both sides of it.

The full pre-activations are computed without a gradient; only the entries that are active get
one. A step then costs one dense product instead of five. Only codes that are not sparse, as those
of relu are in its first steps, go through dense products.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

DENSE_SHARE = 1 / 16
"""Share of active entries above which dense products are quicker."""

Context: TypeAlias = Any
"""torch's own context object, which takes any attribute."""


@dataclass(frozen=True)
class Selection:
    """Entries of a (n_rows, d_sae) code, in row-major order."""

    rows: Tensor
    """(n,) int64, ascending."""

    latents: Tensor
    """(n,) int64, ascending within a row."""

    n_rows: int

    @classmethod
    def from_mask(cls, mask: Tensor) -> "Selection":
        """The entries where a (rows, d_sae) bool mask is true."""
        # numpy's flatnonzero is twice as fast here as torch.nonzero.
        flat = torch.from_numpy(np.flatnonzero(mask.numpy()))
        width = mask.shape[1]
        rows = torch.div(flat, width, rounding_mode="floor")
        return cls(rows, flat - rows * width, len(mask))

    def where(self, keep: Tensor) -> "Selection":
        """The entries where a (n,) bool mask is true."""
        return Selection(self.rows[keep], self.latents[keep], self.n_rows)

    @property
    def starts(self) -> Tensor:
        """(n_rows,) position of each row's first entry."""
        return starts_of(self.rows, self.n_rows)

    def is_dense(self, width: int) -> bool:
        """Whether so many entries of the (n_rows, width) code are active that it is not sparse."""
        return len(self.rows) > DENSE_SHARE * self.n_rows * width

    def to_dense(self, values: Tensor, width: int) -> Tensor:
        """(n_rows, width) with the (n,) values at their places, differentiable."""
        empty = torch.zeros(self.n_rows, width, dtype=values.dtype)
        return empty.index_put((self.rows, self.latents), values)


def starts_of(groups: Tensor, n_groups: int) -> Tensor:
    """(n_groups,) position of each group's first entry in an ascending (n,) list of groups."""
    counts = torch.bincount(groups, minlength=n_groups)
    return counts.cumsum(0) - counts


def encode(x: Tensor, w_enc: Tensor, b_enc: Tensor, pre: Tensor, selection: Selection) -> Tensor:
    """The selected pre-activations, differentiable.

    Args:
        x: (rows, d_in) float32 after subtraction of the pre-bias.
        w_enc: (d_sae, d_in).
        b_enc: (d_sae,).
        pre: (rows, d_sae), the pre-activations computed before without a gradient.
        selection: the entries wanted.

    Returns:
        (n,) float32, with gradients for `x`, `w_enc` and `b_enc`.
    """
    selected: Tensor = _Encode.apply(  # type: ignore[no-untyped-call]
        x, w_enc, b_enc, pre, selection
    )
    return selected


def decode(values: Tensor, selection: Selection, w_dec: Tensor) -> Tensor:
    """(rows, d_in): the sum of each row's decoder vectors, weighted by its (n,) activations."""
    if selection.is_dense(len(w_dec)):
        return selection.to_dense(values, len(w_dec)) @ w_dec
    return embedding_bag(
        selection.latents, w_dec, selection.starts, mode="sum", per_sample_weights=values
    )


class _Encode(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Context, x: Tensor, w_enc: Tensor, _b_enc: Tensor, pre: Tensor, selection: Selection
    ) -> Tensor:
        ctx.save_for_backward(x, w_enc)
        ctx.selection = selection
        return pre[selection.rows, selection.latents]

    @staticmethod
    def backward(ctx: Context, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, w_enc = ctx.saved_tensors
        at: Selection = ctx.selection
        if at.is_dense(len(w_enc)):
            dense = at.to_dense(gradient, len(w_enc))
            return dense @ w_enc, dense.T @ x, dense.sum(0), None, None
        order = at.latents.argsort(stable=True)
        by_latent = starts_of(at.latents, len(w_enc))
        to_w_enc = embedding_bag(
            at.rows[order], x, by_latent, mode="sum", per_sample_weights=gradient[order]
        )
        to_b_enc = torch.bincount(at.latents, weights=gradient, minlength=len(w_enc))
        to_x = decode(gradient, at, w_enc)
        return to_x, to_w_enc, to_b_enc.to(gradient.dtype), None, None
