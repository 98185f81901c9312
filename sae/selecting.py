"""From a screened row to the latents that are active in it, exactly.

What a row shows is looked at twice. First all of it, with one allowance for errors that covers
every latent: latents are in interleaved columns (latent j in column j modulo their number), and
with the largest of each a row of thousands is searched by looking at a few hundred numbers and
into a few columns. Then, with its own allowance, each of the few that are left. Nothing here
branches on what nobody could predict.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from glassdex.sae.jit import kernel
from glassdex.sae.rounding import Floats
from glassdex.sae.screen import Latents, Rows

Ints = npt.NDArray[np.int32]

COLUMNS = (256, 1024)
"""At least and at most; of 32 latents each in between."""

_MAGNITUDE = np.int32(0x7FFFFFFF)
_TWO = np.float32(2)
_SHARE = np.float32(2.02)


class Look(NamedTuple):
    """Memory for looking at one row."""

    excess: Floats
    """(d_sae,) of candidates: by how much they may exceed their threshold."""

    top: Floats
    """The largest excess of each column, but for the row's slack."""

    found: Ints
    """(d_sae + 1,) candidates, with room for one that proves not to be."""

    values: Floats
    """(d_sae,) of those of them that are active."""

    @classmethod
    def at(cls, d_sae: int) -> "Look":
        """Memory for a dictionary of this size."""
        return cls(
            excess=np.empty(d_sae, np.float32),
            top=np.empty(min(max(COLUMNS[0], d_sae // 32), COLUMNS[1], d_sae), np.float32),
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

    Those are the ones that may exceed their (d_sae,) threshold; with k > 0, where thresholds are
    0, that may belong to the k largest as well.
    """
    overview(rows, i, latents, threshold, look)
    low = -rows.slack[i]
    if k:
        # k latents show at least `near`, so that the k-th largest is not far below it.
        near = kth_largest(look.top, k)
        low = max(low, near - _SHARE * rows.relative * abs(near) - rows.margin[i])
    excess, top, end = look.excess, look.top, n
    for t in range(len(top)):
        if top[t] >= low:
            for j in range(t, len(excess), len(top)):
                found[end] = j
                end += excess[j] >= low
    return sharpen(rows, i, latents, k, look, found, n, end)


@kernel
def overview(rows: Rows, i: int, latents: Latents, threshold: Floats, look: Look) -> None:
    """Fill `look` with the excess of all latents but for the row's slack, and the columns' tops.

    Slices instead of sums of indices let the compiler use vector instructions: seven times
    quicker.
    """
    raw, unit, relative = rows.raw[i], rows.unit[i], rows.relative
    units, biases, excess, top = latents.unit, latents.bias, look.excess, look.top
    for j in range(len(excess)):
        shown = np.float32(raw[j]) * (unit * units[j])
        excess[j] = shown + relative * abs(shown) + (biases[j] - threshold[j])
    top[:] = -np.inf
    for start in range(0, len(excess), len(top)):
        part = excess[start : start + len(top)]
        column = top[: len(part)]
        for t in range(len(part)):
            column[t] = max(column[t], part[t])


@kernel
def sharpen(
    rows: Rows, i: int, latents: Latents, k: int, look: Look, found: Ints, n: int, end: int
) -> int:
    """Keep those of found[n:end] that are candidates by their own bound; where they end."""
    raw, unit = rows.raw[i], rows.unit[i]
    size, reach, relative = rows.size[i], rows.reach[i], rows.relative
    excess, lowest = look.excess, look.values[: end - n]
    for e in range(n, end):
        j = found[e]
        slack = reach * latents.norm[j] + size * latents.lost[j]
        loose = relative * abs(np.float32(raw[j]) * (unit * latents.unit[j]))
        lowest[e - n] = excess[j] - slack - _TWO * loose
        excess[j] += slack
    # k latents are at least as large as `floor`; whatever may not be is not among the k largest.
    floor = max(np.float32(0), kth_largest(lowest, k)) if k else np.float32(0)
    kept = n
    for e in range(n, end):
        found[kept] = found[e]
        kept += excess[found[e]] >= floor
    return kept


@kernel
def value(centred: Floats, latents: Latents, j: int) -> np.float32:
    """Pre-activation of latent j in a row: summed in float64, rounded once to float32."""
    total, weight = np.float64(latents.bias[j]), latents.weight[j]
    for t in range(len(centred)):
        total += np.float64(centred[t]) * np.float64(weight[t])
    return np.float32(total)


@kernel
def kth_largest(values: Floats, k: int) -> np.float32:
    """The k-th largest of (n,) values; minus infinity if n < k.

    By counting how many reach a bar, which is raised and lowered by halves: in the order of their
    bits, which for floats of one sign is that of their values.
    """
    if len(values) < k:
        return np.float32(-np.inf)
    bits, keys = values.view(np.int32), np.empty(len(values), np.int32)
    for t in range(len(bits)):
        keys[t] = _key(bits[t])
    low, high = np.int64(keys.min()), np.int64(keys.max()) + 1
    while high - low > 1:
        bar = np.int32((low + high) // 2)
        reached = np.int32(0)
        for t in range(len(keys)):
            # Counted in 32 bits, which takes a quarter of the time.
            reached = np.int32(reached + np.int32(keys[t] >= bar))
        if reached >= k:
            low = np.int64(bar)
        else:
            high = np.int64(bar)
        if reached == k:
            break
    least = np.int32(0x7FFFFFFF)
    for t in range(len(keys)):
        if keys[t] >= low:
            least = min(least, keys[t])
    kth: np.float32 = np.full(1, _key(least), np.int32).view(np.float32)[0]
    return kth


@kernel
def _key(bits: np.int32) -> np.int32:
    """An integer that orders floats, from the bits of one; and back."""
    return np.int32(bits ^ ((bits >> np.int32(31)) & _MAGNITUDE))


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
