"""What a step needs of the dead latents: the strongest of them in each row, and their gradients.

The k strongest of m dead latents reconstruct in each row what the others left over (`aux-k`). If m
is not much larger than k, that is done by dense products: m / k times the arithmetic, but each
number of it many times quicker.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor, addmm, from_numpy

from glassdex.sae import fused_kernels as kernels
from glassdex.sae.fused_kernels import Code, Tensors
from glassdex.sae.rounding import Floats

Ints = npt.NDArray[np.int64]

_DENSE = 16
"""Dense products are quicker up to about so many times as many latents as are active in a row."""


class Revival(NamedTuple):
    """Gradients of m dead latents, without the factor that is known only at the end."""

    w_enc: Tensor
    """(m, d_in)."""

    b_enc: Tensor
    """(m,)."""

    w_dec: Tensor
    """(m, d_in)."""


@dataclass(frozen=True)
class DeadLatents:
    """m dead latents, k of which are active in a row."""

    names: Ints
    """(m,)."""

    k: int
    slot: int
    """Of the error that they have to do with."""

    w_enc: Tensor
    """(m, d_in)."""

    b_enc: Tensor
    """(m,)."""

    w_dec: Tensor
    """(m, d_in)."""

    @classmethod
    def of(cls, weights: Tensors, names: Ints, k: int, slot: int) -> "DeadLatents":
        """Copies their weights."""
        chosen = (weights.w_enc[names], weights.b_enc[names], weights.w_dec[names])
        return cls(names, min(k, len(names)), slot, *map(from_numpy, chosen))

    @property
    def dense(self) -> bool:
        """Whether `revive` is what gives their gradients, and not the entries of `strongest`."""
        return 0 < len(self.names) <= _DENSE * self.k

    def strongest(self, centred: Floats) -> Code:
        """The k largest in each of (n, d_in) rows; none of them if that is done by `revive`."""
        n, k = len(centred), 0 if self.dense else self.k
        counts, m = np.zeros(n, np.int64), 0
        found, values = np.empty(n * k, np.int32), np.empty(n * k, np.float32)
        if k:
            pre = addmm(self.b_enc, from_numpy(centred), self.w_enc.T)
            m = kernels.strongest(pre.numpy(), self.names, k, counts, found, values)
        return Code(counts, found[:m], values[:m], np.full(m, self.slot, np.int8))

    def revive(self, centred: Floats, error: Floats, left: Floats) -> Revival:
        """Gradients from n rows.

        Args:
            centred: (n, d_in) rows.
            error: (n, d_in) what the SAE makes of them less what they are.
            left: (n, d_in), filled: the same with what the dead latents add.
        """
        rows = from_numpy(centred)
        code = addmm(self.b_enc, rows, self.w_enc.T)
        kernels.keep_strongest(code.numpy(), self.k)
        rest = addmm(from_numpy(error), code, self.w_dec)
        left[:] = rest.numpy()
        slopes = (rest @ self.w_dec.T).mul_(code > 0)
        return Revival(slopes.T @ rows, slopes.sum(0), code.T @ rest)
