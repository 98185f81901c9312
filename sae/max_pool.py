"""Max pooling: the active latents of tokens go straight into their document's code."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from glassdex.sae.jit import kernel
from glassdex.sae.rounding import Floats
from glassdex.sae.screen import Latents, Rows, Screen
from glassdex.sae.selecting import Look, candidates, first, value

Ints = npt.NDArray[np.int64]
Names = npt.NDArray[np.int32]

NOBODY = -1


class Work(NamedTuple):
    """Arrays that a kernel writes to."""

    open: Ints
    """(2,) the document that is open, and how many latents it has so far."""

    most: Floats
    """(d_sae,) its largest activations so far, 0 elsewhere."""

    touched: Names
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


def max_pool(
    screen: Screen,
    centred: Floats,
    documents: Ints,
    n_documents: int,
    *,
    threshold: Floats,
    k: int | None = None,
) -> csr_array[Any]:
    """Largest activation of each latent over the rows of a document.

    Memory: the result, and two arrays of the size of the dictionary for each document of a block
    of rows; a document may be spread over any number of blocks.

    Args:
        screen: the encoder.
        centred: (n, d_in) hidden states.
        documents: (n,) document of each, ascending.
        n_documents: their number; one without rows gets an empty code.
        threshold: (d_sae,) above which a latent is active.
        k: if given, only the k largest of a row are active.

    Returns:
        (n_documents, d_sae) float32 with ascending latents in each row.
    """
    d_sae, done = len(threshold), [(np.zeros(0, np.int32), np.zeros(0, np.float32))]
    work = Work.of(d_sae, n_documents)
    for low, rows in screen.look(centred):
        of_rows = documents[low : low + len(rows.centred)]
        ending = 1 + int(np.count_nonzero(np.diff(of_rows)))
        found, most = np.empty(ending * d_sae, np.int32), np.empty(ending * d_sae, np.float32)
        n = pool(rows, of_rows, screen.latents, threshold, k or 0, work, found, most)
        done.append((found[:n].copy(), most[:n].copy()))
    found, most = np.empty(d_sae, np.int32), np.empty(d_sae, np.float32)
    n = close(work, found, most, 0)
    done.append((found[:n], most[:n]))
    indptr = np.concatenate([np.zeros(1, np.int64), work.counts.cumsum()])
    latents, values = (np.concatenate(parts) for parts in zip(*done, strict=True))
    return csr_array((values, latents, indptr), (n_documents, d_sae))


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
