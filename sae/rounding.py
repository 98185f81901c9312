"""Rows of numbers in a coarser format, and how far each is from what it was.

What a row lost is kept as a norm, so that the error of a product of rounded rows has a bound
(see `glassdex.sae.screen`).
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from glassdex.sae.jit import kernel
from glassdex.sae.precision import Precision

Floats = npt.NDArray[np.float32]

Number: TypeAlias = np.floating[Any]

_UP = np.float32(1 + 2**-12)
"""Norms are rounded up by this, which is more than their own error: they are bounds."""

_FLOOR = np.float32(1e-16)
"""And by this, which is more than squares that are too small for a float32 can add up to."""

_LEVELS = 127

_MAGNITUDE = np.int32(0x7FFFFFFF)
"""All bits of a float but its sign."""


@dataclass(frozen=True, slots=True)
class Rounded:
    """n rows of width d, rounded: row i stands for `unit[i] * codes[i]`."""

    codes: Tensor
    """(n, d) int8, bfloat16 or float32."""

    unit: Floats
    """(n,)."""

    size: Floats
    """(n,) norm of each rounded row, or a little more."""

    lost: Floats
    """(n,) norm of each row minus its rounded self, or a little more."""


def round_rows(rows: Floats, precision: Precision) -> Rounded:
    """Round (n, d) float32 rows."""
    unit = np.ones(len(rows), np.float32)
    if precision == "int8":
        codes, size, lost = np.empty(rows.shape, np.int8), np.empty_like(unit), np.empty_like(unit)
        quantise(rows, codes, unit, size, lost)
        return Rounded(torch.from_numpy(codes), unit, size, lost)
    exact = torch.from_numpy(rows)
    coarse = exact if precision == "float32" else exact.to(torch.bfloat16)
    near = coarse.to(torch.float32).numpy()
    return Rounded(coarse, unit, norms_above(near), norms_above(rows - near))


def norms_above(rows: Floats, last: Floats | None = None) -> Floats:
    """(n,) norm of each (d,) row, with one more number at its end if given; or a little more."""
    squares = np.einsum("nd,nd->n", rows, rows)
    if last is not None:
        squares = squares + np.square(last)
    norms: Floats = np.sqrt(squares) * _UP + _FLOOR
    return norms


@kernel
def quantise(
    rows: Floats, codes: npt.NDArray[np.int8], unit: Floats, size: Floats, lost: Floats
) -> None:
    """Fill (n, d) int8 codes and the three (n,) float32 arrays of `Rounded`."""
    for i in range(len(rows)):
        unit[i], size[i], lost[i] = quantise_row(rows[i], codes[i])


@kernel
def quantise_row(row: Floats, codes: npt.NDArray[np.int8]) -> tuple[Number, Number, Number]:
    """Round one (d,) float32 row to 255 levels; its unit, size and loss."""
    # Magnitudes compare like their bits; a maximum of integers takes a fifth of the time.
    bits, most = row.view(np.int32), np.int32(0)
    for t in range(len(bits)):
        most = max(most, np.int32(bits[t] & _MAGNITUDE))
    largest = np.full(1, most, np.int32).view(np.float32)[0]
    unit = max(largest / np.float32(_LEVELS), np.float32(1e-30))
    inverse = np.float32(1) / unit
    size, lost = np.float32(0), np.float32(0)
    for t in range(len(row)):
        code = np.rint(row[t] * inverse)
        codes[t] = np.int8(np.int32(code))
        missed = row[t] - unit * code
        size += code * code
        lost += missed * missed
    return unit, unit * np.sqrt(size) * _UP + _FLOOR, np.sqrt(lost) * _UP + _FLOOR
