"""Max pooling: the active latents of tokens go straight into their document's code."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from glassdex.sae.jit import kernel
from glassdex.sae.screen import Latents, Rows, Screen
from glassdex.sae.selecting import Look, candidates, first, value

Ints = npt.NDArray[np.int64]
Names = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]

NOBODY = -1


class Work(NamedTuple):
    """Arrays that a kernel writes to."""

    open: Ints
    """(2,) the document that is open, and how many latents it has so far."""

    most: Floats
    """(d_sae,) its largest activations so far, 0 elsewhere."""

    touched: npt.NDArray[np.int32]
    """(d_sae,) the latents it has, in no order."""

    counts: Ints
    """(n_documents,) latents of the documents that are done."""

    look: Look

    @classmethod
    def of(cls, d_sae: int, n_documents: int) -> "Work":
        """Memory for dictionaries of this size, with no document open."""
        return cls(
            open=np.array([NOBODY, 0], np.int64),
            most=np.zeros(d_sae, np.float32),
            touched=np.empty(d_sae, np.int32),
            counts=np.zeros(n_documents, np.int64),
            look=Look.at(d_sae),
        )


class MaxPool:
    """Largest activation of each latent over the rows of a document, for rows in document order.

    A document may be spread over any number of blocks. Memory: the result, and two arrays of
    the size of the dictionary for each document of a block.
    """

    def __init__(self, screen: Screen, threshold: Floats, k: int | None, n_documents: int) -> None:
        """With `k` the k largest positive latents of a row count, else those above (d_sae,)."""
        d_sae = len(threshold)
        self._screen, self._threshold, self._k = screen, threshold, k or 0
        self._shape = (n_documents, d_sae)
        self._work = Work.of(d_sae, n_documents)
        self._done: list[tuple[npt.NDArray[np.int32], Floats]] = []

    def add(self, centred: Floats, documents: Ints) -> None:
        """Add (n, d_in) centred rows; no document may come before one of an earlier call."""
        for first_row, rows in self._screen.look(centred):
            self._add(rows, documents[first_row : first_row + len(rows.centred)])

    def result(self) -> csr_array[Any]:
        """(n_documents, n_latents) float32 with ascending latents in each row."""
        self._add(None, np.zeros(0, np.int64))
        latents = np.concatenate([found for found, _ in self._done])
        values = np.concatenate([most for _, most in self._done])
        indptr = np.concatenate([np.zeros(1, np.int64), self._work.counts.cumsum()])
        return csr_array((values, latents, indptr), self._shape)

    def _add(self, rows: Rows | None, documents: Ints) -> None:
        """Pool rows; without any, finish the document that is open."""
        ending = 1 + int(np.count_nonzero(np.diff(documents)))
        found = np.empty(ending * self._shape[1], np.int32)
        most = np.empty(ending * self._shape[1], np.float32)
        if rows is None:
            n = close(self._work, found, most, 0)
        else:
            latents = self._screen.latents
            n = pool(rows, documents, latents, self._threshold, self._k, self._work, found, most)
        self._done.append((found[:n].copy(), most[:n].copy()))


@kernel
def pool(
    rows: Rows,
    documents: Ints,
    latents: Latents,
    threshold: Floats,
    k: int,
    work: Work,
    out: Names,
    out_most: Floats,
) -> int:
    """Pool n rows; write the documents that end among them and return how much was written."""
    written = 0
    for i in range(len(documents)):
        if documents[i] != work.open[0]:
            written = close(work, out, out_most, written)
            work.open[0] = documents[i]
        n = _active(rows, i, latents, threshold, k, work)
        for e in range(n):
            j = work.look.found[e]
            if work.most[j] == 0:
                work.touched[work.open[1]] = j
                work.open[1] += 1
            work.most[j] = max(work.most[j], work.look.values[e])
    return written


@kernel
def _active(rows: Rows, i: int, latents: Latents, threshold: Floats, k: int, work: Work) -> int:
    """The active latents of row i, without those that cannot raise their document's value."""
    look, n = work.look, 0
    found, values = look.found, look.values
    for e in range(candidates(rows, i, latents, threshold, k, look, found, 0)):
        j = found[e]
        least = threshold[j] if k else max(threshold[j], work.most[j])
        if k or look.excess[j] > least - threshold[j]:
            activation = value(rows.centred[i], latents, j)
            if activation > least:
                found[n], values[n] = j, activation
                n += 1
    if k and n > k:
        return first(found, values, n, k)
    return n


@kernel
def close(work: Work, out: Names, out_most: Floats, written: int) -> int:
    """Write the open document's code behind what is written, and clear it."""
    n = work.open[1]
    latents = np.sort(work.touched[:n])
    for e in range(n):
        j = latents[e]
        out[written + e], out_most[written + e] = j, work.most[j]
        work.most[j] = 0
    if work.open[0] != NOBODY:
        work.counts[work.open[0]] += n
    work.open[0], work.open[1] = NOBODY, 0
    end: int = written + n
    return end
