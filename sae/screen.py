"""A first look at all pre-activations, in a coarse number format, with a bound on its error.

The product of hidden states and encoder is nearly all of an SAE's cost, and nearly all of its
results are thrown away. So it is computed in int8 or bfloat16 where the processor has
instructions for them, and only those latents whose pre-activation could be large enough, by the
bound, are computed again from the unrounded numbers. What comes out does not depend on the
format of the first look.

With c a centred hidden state, w and b a latent's weights, and hats for rounded rows:

    |(w c + b) - (what the screen shows)|
        <= |c - c^| |w| + |c^| |w - w^| + delta |(c, 1)| |(w, b)| + relative |what it shows|

The first two terms are Cauchy-Schwarz on what rounding took away; `delta` covers the arithmetic
in float32 (none of it is larger than |(c, 1)| |(w, b)|), `relative` a result that is itself
rounded, as that of a bfloat16 product is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from glassdex.sae.precision import Precision, quickest
from glassdex.sae.rounding import Floats, Rounded, norms_above, round_rows

_EPSILON = 2.0**-24
"""Half a unit in the last place of a float32."""

_CACHED = 2**21
"""Products of a block, of four bytes each."""

_ONE = np.ones(1, np.float32)

SIGMAS = 6.0
"""Standard deviations that independent errors stay within, but for one product in 500 million."""

_ABOUT = np.float32(1.01)
"""More than 1 / (1 - relative)."""

_STEPS = 32
"""Float32 operations on top of the product; there are fewer."""


class Rows(NamedTuple):
    """What a kernel needs of n hidden states; arrays as in `Rounded`."""

    raw: npt.NDArray[np.int32] | Floats
    """(n, d_sae) products of rounded rows, in units."""

    centred: Floats
    """(n, d_in)."""

    unit: Floats
    size: Floats

    reach: Floats
    """(n,) |c - c^| + delta |(c, 1)|: what a latent's norm is multiplied by."""

    slack: Floats
    """(n,) how far any latent can be from what it shows, but for `relative`."""

    margin: Floats
    """(n,) how far below a number that k latents show one of the k largest can show, but for
    twice `relative` of that number."""

    relative: np.float32


class Latents(NamedTuple):
    """What a kernel needs of the encoder."""

    weight: Floats
    """(d_sae, d_in)."""

    bias: Floats
    """(d_sae,)."""

    unit: Floats
    lost: Floats

    norm: Floats
    """(d_sae,) |(w, b)|."""


@dataclass(frozen=True, slots=True)
class Screen:
    """The rounded encoder."""

    precision: Precision
    rounded: Rounded
    latents: Latents

    @classmethod
    def of(cls, weight: Floats, bias: Floats, precision: Precision | None = None) -> "Screen":
        """Round (d_sae, d_in) encoder rows; in the quickest format of this processor if None."""
        precision = precision or quickest()
        rounded = round_rows(weight, precision)
        norm = norms_above(weight, bias)
        latents = Latents(weight, bias, rounded.unit, rounded.lost, norm)
        return cls(precision, rounded, latents)

    def refresh(self, low: int, high: int) -> None:
        """Round latents low to high - 1 again, after their weights have changed in place."""
        span = slice(low, high)
        fresh = round_rows(self.latents.weight[span], self.precision)
        self.rounded.codes[span] = fresh.codes
        self.latents.unit[span] = fresh.unit
        self.latents.lost[span] = fresh.lost
        self.latents.norm[span] = norms_above(self.latents.weight[span], self.latents.bias[span])

    def look(self, centred: Floats, *, proven: bool = True) -> Iterator[tuple[int, Rows]]:
        """Coarse products of (n, d_in) centred hidden states with all latents, in blocks.

        Yields the first row of each block and what is known of its rows; the products are
        overwritten by those of the next block.

        Unless it must be proven, the bound takes rounding errors for independent of each other
        and of the weights: a sum of d_in of them is then SIGMAS standard deviations below it,
        and many fewer latents have to be computed again.
        """
        rounded = round_rows(centred, self.precision)
        d_sae, d_in = self.latents.weight.shape
        share = np.float32(1 if proven else min(1.0, SIGMAS / d_in**0.5))
        size = share * rounded.size
        reach = share * rounded.lost + np.float32(self._delta()) * norms_above(centred, _ONE)
        relative = np.float32(2.0**-8 if self.precision == "bfloat16" else 0)
        slack = _ABOUT * (reach * self.latents.norm.max() + size * self.latents.lost.max())
        margin = 2 * (slack + _ABOUT * relative * np.abs(self.latents.bias).max())
        block = min(len(centred), block_rows(d_sae)) or 1
        memory = torch.empty((block, d_sae), dtype=self._dtype())
        for low in range(0, len(centred), block):
            part = slice(low, low + block)
            raw = self._product(rounded.codes[part], memory)
            yield (
                low,
                Rows(
                    raw,
                    centred[part],
                    rounded.unit[part],
                    size[part],
                    reach[part],
                    slack[part],
                    margin[part],
                    relative,
                ),
            )

    def _product(self, codes: Tensor, memory: Tensor) -> npt.NDArray[np.int32] | Floats:
        """(n, d_sae) products of rounded rows."""
        encoder = self.rounded.codes.T
        if self.precision == "int8":
            raw = torch._int_mm(codes, encoder, out=memory[: len(codes)])  # noqa: SLF001 - no other
        elif self.precision == "float32":
            raw = torch.mm(codes, encoder, out=memory[: len(codes)])
        else:
            raw = memory[: len(codes)].copy_(torch.mm(codes, encoder))
        products: npt.NDArray[np.int32] | Floats = raw.numpy()
        return products

    def _dtype(self) -> torch.dtype:
        return torch.int32 if self.precision == "int8" else torch.float32

    def _delta(self) -> float:
        # Sums of int8 products are exact.
        terms = 0 if self.precision == "int8" else self.rounded.codes.shape[1]
        return (terms + _STEPS) * _EPSILON * 1.01


def block_rows(d_sae: int) -> int:
    """Rows whose products with all latents stay in a processor's cache; at least 32."""
    return max(32, min(128, _CACHED // d_sae))
