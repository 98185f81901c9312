"""From a screened row to the latents that are active in it, exactly.

`excess` bounds from above by how much each latent exceeds its threshold. `top` holds the largest
of each of some interleaved columns of latents (latent j is in column j modulo their number), so
that a row of thousands is searched by looking at a few hundred numbers and into a few columns.
Candidates are collected without branches, which nobody could predict.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from glassdex.sae.jit import kernel
from glassdex.sae.rounding import Floats
from glassdex.sae.screen import Latents, Rows

Ints = npt.NDArray[np.int32]

COLUMNS = 256
FOLDED = 64
"""Columns that are compared to bound the k-th largest, if k is far below their number."""


_TWICE = np.float32(2.02)


class Look(NamedTuple):
    """Memory for looking at one row."""

    excess: Floats
    """(d_sae,)."""

    top: Floats
    """(COLUMNS,) or fewer."""

    found: Ints
    """(d_sae + 1,) candidates, with room for one that proves not to be."""

    values: Floats
    """(d_sae,) of those of them that are active."""

    @classmethod
    def at(cls, d_sae: int) -> "Look":
        """Memory for a dictionary of this size."""
        return cls(
            excess=np.empty(d_sae, np.float32),
            top=np.empty(min(COLUMNS, d_sae), np.float32),
            found=np.empty(d_sae + 1, np.int32),
            values=np.empty(d_sae, np.float32),
        )


@kernel
def candidates(
    rows: Rows,
    i: int,
    latents: Latents,
    threshold: Floats,
    k: int,
    look: Look,
    found: Ints,
    n: int,
) -> int:
    """Append to the n latents in `found` all of row i that may be active; how many there are now.

    Those are the ones that may exceed their (d_sae,) threshold; with k > 0, that may belong to
    the k largest as well: k latents have a bound of at least `high`, and none is further below
    its bound than the row's margin.
    """
    bound(rows, i, latents, threshold, look.excess, look.top)
    low = np.float32(0)
    if k:
        high = _high(look.top, k)
        low = max(low, high - rows.margin[i] - _TWICE * rows.relative * look.top.max())
    excess, top = look.excess, look.top
    for t in range(len(top)):
        if top[t] >= low:
            for j in range(t, len(excess), len(top)):
                found[n] = j
                n += excess[j] >= low
    return n


@kernel
def bound(
    rows: Rows, i: int, latents: Latents, threshold: Floats, excess: Floats, top: Floats
) -> None:
    """Fill (d_sae,) upper bounds of row i less the threshold, and (COLUMNS,) largest of them.

    Slices instead of sums of indices let the compiler use vector instructions: seven times
    quicker.
    """
    raw, unit, size = rows.raw[i], rows.unit[i], rows.size[i]
    reach, relative = rows.reach[i], rows.relative
    units, norms, losses, biases = latents.unit, latents.norm, latents.lost, latents.bias
    for j in range(len(excess)):
        shown = np.float32(raw[j]) * (unit * units[j])
        slack = reach * norms[j] + size * losses[j] + relative * abs(shown)
        excess[j] = shown + (biases[j] - threshold[j]) + slack
    top[:] = -np.inf
    for start in range(0, len(excess), len(top)):
        part = excess[start : start + len(top)]
        column = top[: len(part)]
        for t in range(len(part)):
            column[t] = max(column[t], part[t])


@kernel
def value(centred: Floats, latents: Latents, j: int) -> np.float32:
    """Pre-activation of latent j in a row: summed in float64, rounded once to float32."""
    total, weight = np.float64(latents.bias[j]), latents.weight[j]
    for t in range(len(centred)):
        total += np.float64(centred[t]) * np.float64(weight[t])
    return np.float32(total)


@kernel
def _high(top: Floats, k: int) -> np.float32:
    """A number that at least k of the columns reach; not positive if there are too few."""
    if len(top) % FOLDED == 0 and 2 * k <= FOLDED:
        folded = top[:FOLDED].copy()
        for start in range(FOLDED, len(top), FOLDED):
            part = top[start : start + FOLDED]
            for t in range(FOLDED):
                folded[t] = max(folded[t], part[t])
        return kth_largest(folded, k)
    return kth_largest(top, k)


@kernel
def kth_largest(values: Floats, k: int) -> np.float32:
    """The k-th largest of (n,) values, by Hoare's selection; minus infinity if n < k."""
    if len(values) < k:
        return np.float32(-np.inf)
    rest = values.copy()
    left, right, at = 0, len(rest) - 1, k - 1
    while left < right:
        pivot = rest[(left + right) // 2]
        low, high = left, right
        while low <= high:
            while rest[low] > pivot:
                low += 1
            while rest[high] < pivot:
                high -= 1
            if low <= high:
                rest[low], rest[high] = rest[high], rest[low]
                low += 1
                high -= 1
        if at <= high:
            right = high
        elif at >= low:
            left = low
        else:
            break
    kth: np.float32 = rest[at]
    return kth


@kernel
def first(found: Ints, values: Floats, n: int, k: int) -> int:
    """Keep the k largest of n entries; of equal ones those of the lower latents."""
    least = kth_largest(values[:n], k)
    greater, equal = 0, 0
    for e in range(n):
        greater += values[e] > least
        equal += values[e] == least
    last = found[:n].max()
    if greater + equal > k:
        last = np.sort(found[:n][values[:n] == least])[k - greater - 1]
    kept = 0
    for e in range(n):
        if values[e] > least or (values[e] == least and found[e] <= last):
            found[kept], values[kept] = found[e], values[e]
            kept += 1
    return kept
