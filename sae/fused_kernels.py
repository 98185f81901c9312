"""The loops of a training step over active entries only; see `glassdex.sae.fused_step`.

Entries are the places where a code is not zero: (row, latent, value). A row has an error for each
of its slots: one for every nested dictionary size, and one for the dead latents.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from glassdex.sae.jit import kernel
from glassdex.sae.rounding import Floats
from glassdex.sae.screen import Latents, Rows
from glassdex.sae.selecting import Look, candidates, first, kth_largest

Ints = npt.NDArray[np.int64]
Names = npt.NDArray[np.int32]


class Tensors(NamedTuple):
    """One array for each weight that a latent has: the weights, their gradients or moments."""

    w_enc: Floats
    b_enc: Floats
    w_dec: Floats
    b_dec: Floats


class Adam(NamedTuple):
    """Numbers of one update; `clip` is what every gradient is multiplied by first."""

    step: np.float32
    beta1: np.float32
    beta2: np.float32
    root: np.float32
    epsilon: np.float32
    clip: np.float32


class Code(NamedTuple):
    """Places where the codes of n rows are not zero, row after row."""

    counts: Ints
    """(n,) entries of each row."""

    latents: Names
    values: Floats
    slots: npt.NDArray[np.int8]
    """The error that each has to do with."""


class Entries(NamedTuple):
    """What the gradients of all weights are made of; (n,) arrays."""

    rows: Names
    slots: npt.NDArray[np.int8]
    values: Floats
    slopes: Floats


@kernel
def collect(
    rows: Rows,
    latents: Latents,
    threshold: Floats,
    k: int,
    look: Look,
    counts: Ints,
    found: Names,
    n: int,
) -> int:
    """Append the candidates of some rows to the n in `found`; how many there are now."""
    for i in range(len(counts)):
        before = n
        n = candidates(rows, i, latents, threshold, k, look, found, n)
        counts[i] = n - before
    return n


@kernel
def weigh(centred: Floats, latents: Latents, counts: Ints, found: Names, values: Floats) -> None:
    """Fill the values of the candidates of n rows.

    Latent by latent, so that an encoder row is fetched from memory once for all rows.
    """
    places, order = np.empty(len(latents.bias) + 1, np.int64), np.empty(len(found), np.int32)
    by_latent(found, places, order)
    rows = np.repeat(np.arange(len(counts)), counts)
    for e in order:
        j = found[e]
        values[e] = dot(centred[rows[e]], latents.weight[j]) + latents.bias[j]


@kernel
def settle(threshold: Floats, k: int, counts: Ints, found: Names, values: Floats) -> int:
    """Keep, in place, the candidates that are active; how many. `counts` becomes theirs."""
    written, start = 0, 0
    for i in range(len(counts)):
        n = 0
        for e in range(start, start + counts[i]):
            if values[e] > threshold[found[e]]:
                found[start + n], values[start + n] = found[e], values[e]
                n += 1
        end = start + counts[i]
        if k and n > k:
            n = first(found[start:end], values[start:end], n, k)
        for e in range(n):
            found[written + e], values[written + e] = found[start + e], values[start + e]
        counts[i], start = n, end
        written += n
    return written


@kernel
def strongest(pre: Floats, names: Ints, k: int, counts: Ints, found: Names, values: Floats) -> int:
    """The k largest positive ones of each row of (n, m) `pre`, as those of (m,) `names`."""
    written = 0
    keep_strongest(pre, k)
    for i in range(len(counts)):
        row, start = pre[i], written
        for j in range(len(row)):
            if row[j] > 0:
                found[written], values[written] = names[j], row[j]
                written += 1
        counts[i] = written - start
    return written


@kernel
def keep_strongest(pre: Floats, k: int) -> None:
    """Set all but the k largest positive ones of each row of (n, m) `pre` to 0."""
    for i in range(len(pre)):
        row, kept = pre[i], np.int32(0)
        least = kth_largest(row, k)
        for j in range(len(row)):
            keep = (row[j] > 0) & (row[j] >= least)
            row[j] = row[j] if keep else np.float32(0)
            kept = np.int32(kept + np.int32(keep))
        j = len(row) - 1
        while kept > k:
            if row[j] == least:
                row[j] = 0
                kept -= np.int32(1)
            j -= 1


@kernel
def differentiate(
    x: Floats,
    weights: Tensors,
    edges: Ints,
    code: Code,
    dead: Code,
    memory: Floats,
    slopes: Floats,
    dead_slopes: Floats,
    squares: npt.NDArray[np.float64],
) -> None:
    """Errors and derivatives of n rows, without the factors that are known only at the end.

    Args:
        x: (n, d_in) what is to be reconstructed.
        weights: of the SAE.
        edges: (p,) nested dictionary sizes.
        code, dead: entries of the rows, and of the dead latents that reconstruct the residual.
        memory: (n, slots + 1, d_in), filled: for each nested size the sum of its error and those
            of the larger sizes, then the error of the dead latents (if memory has room for it),
            then the centred row.
        slopes, dead_slopes: filled, for each entry: error times decoder row.
        squares: (n, slots + 1) filled with the squares of the errors and of the centred row.
    """
    nested, last, start, dead_start = len(edges), memory.shape[1] - 1, 0, 0
    for i in range(len(x)):
        end, dead_end = start + code.counts[i], dead_start + dead.counts[i]
        row = memory[i, 0]
        for t in range(len(row)):
            row[t] = weights.b_dec[t] - x[i, t]
            memory[i, last, t] = -row[t]
        squares[i, last] = dot(row, row)
        low = 0
        for slot in range(nested):
            row = memory[i, slot]
            if slot:
                row[:] = memory[i, slot - 1]
            add_decoded(row, weights.w_dec, code, start, end, low, edges[slot])
            squares[i, slot] = dot(row, row)
            low = edges[slot]
        if last > nested:
            row = memory[i, nested]
            row[:] = memory[i, nested - 1]
            add_decoded(row, weights.w_dec, dead, dead_start, dead_end, 0, len(weights.w_dec))
            squares[i, nested] = dot(row, row)
            for e in range(dead_start, dead_end):
                dead_slopes[e] = dot(row, weights.w_dec[dead.latents[e]])
        for slot in range(nested - 2, -1, -1):
            row, larger = memory[i, slot], memory[i, slot + 1]
            for t in range(len(row)):
                row[t] += larger[t]
        for e in range(start, end):
            slopes[e] = dot(memory[i, code.slots[e]], weights.w_dec[code.latents[e]])
        start, dead_start = end, dead_end


@kernel
def add_decoded(
    row: Floats, w_dec: Floats, code: Code, start: int, end: int, low: int, high: int
) -> None:
    """Add the decoder rows of entries start to end - 1 whose latent is in [low, high)."""
    for e in range(start, end):
        if low <= code.latents[e] < high:
            decoder, v = w_dec[code.latents[e]], code.values[e]
            for t in range(len(row)):
                row[t] += v * decoder[t]


@kernel
def dot(a: Floats, b: Floats) -> np.float32:
    """Inner product in float32."""
    total = np.float32(0)
    for t in range(len(a)):
        total += a[t] * b[t]
    return total


@kernel
def by_latent(latents: Names, places: Ints, order: Names) -> None:
    """Counting sort: the entries of latent j are order[places[j] : places[j + 1]].

    Fills (d_sae + 1,) places.
    """
    places[:] = 0
    for e in range(len(latents)):
        places[latents[e] + 1] += 1
    for j in range(len(places) - 1):
        places[j + 1] += places[j]
    at = places[:-1].copy()
    for e in range(len(latents)):
        order[at[latents[e]]] = e
        at[latents[e]] += 1


@kernel
def weight_slopes(
    low: int,
    high: int,
    places: Ints,
    order: Names,
    entries: Entries,
    factors: Floats,
    memory: Floats,
    weights: Tensors,
    started: npt.NDArray[np.bool_],
    pull: Floats,
    out: Tensors,
) -> float:
    """Gradients of latents low to high - 1: of both their rows and of their bias.

    They are added to what is in `out` where they have been `started`. `factors` holds, for each
    slot of `memory`, what its errors are multiplied by. What would only lengthen a decoder row is
    taken out of its gradient. `pull` becomes W_enc^T dL/db_enc of these latents. Returns the sum
    of all squares.
    """
    pull[:] = 0
    total, last = 0.0, memory.shape[1] - 1
    for j in range(low, high):
        encoder, decoder, bias = out.w_enc[j], out.w_dec[j], out.b_enc[j]
        if not started[j]:
            encoder[:] = 0
            decoder[:] = 0
            bias = np.float32(0)
        for at in range(places[j], places[j + 1]):
            e = order[at]
            slot = entries.slots[e]
            v, dv = factors[slot] * entries.values[e], factors[slot] * entries.slopes[e]
            error, centred = memory[entries.rows[e], slot], memory[entries.rows[e], last]
            for t in range(len(error)):
                decoder[t] += v * error[t]
                encoder[t] += dv * centred[t]
            bias += dv
        own, row = weights.w_dec[j], weights.w_enc[j]
        along = dot(decoder, own)
        for t in range(len(own)):
            decoder[t] -= along * own[t]
            pull[t] += bias * row[t]
        out.b_enc[j] = bias
        total += np.float64(dot(decoder, decoder) + dot(encoder, encoder) + bias * bias)
    return total


@kernel
def adam_row(weight: Floats, gradient: Floats, mean: Floats, square: Floats, adam: Adam) -> None:
    """One (d,) row, in place: the update of torch.optim.Adam."""
    for t in range(len(weight)):
        g = gradient[t] * adam.clip
        mean[t] += (np.float32(1) - adam.beta1) * (g - mean[t])
        square[t] = adam.beta2 * square[t] + (np.float32(1) - adam.beta2) * g * g
        weight[t] -= adam.step * mean[t] / (np.sqrt(square[t]) * adam.root + adam.epsilon)


@kernel
def update(
    low: int,
    high: int,
    weights: Tensors,
    gradients: Tensors,
    means: Tensors,
    squares: Tensors,
    adam: Adam,
) -> None:
    """Adam on latents low to high - 1, with decoder rows brought back to norm 1."""
    span = slice(low, high)
    adam_row(
        weights.b_enc[span], gradients.b_enc[span], means.b_enc[span], squares.b_enc[span], adam
    )
    for j in range(low, high):
        adam_row(weights.w_enc[j], gradients.w_enc[j], means.w_enc[j], squares.w_enc[j], adam)
        row = weights.w_dec[j]
        adam_row(row, gradients.w_dec[j], means.w_dec[j], squares.w_dec[j], adam)
        norm = np.float32(0)
        for t in range(len(row)):
            norm += row[t] * row[t]
        inverse = np.float32(1) / np.sqrt(norm)
        for t in range(len(row)):
            row[t] *= inverse
