"""Max pooling of sparse token codes into document codes, block by block."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


class MaxPool:
    """Largest value per (document, latent) of entries that come in document order.

    Entries of the last document of a block wait for the next block, so a document may be
    spread over any number of blocks. Memory: the result and one block.
    """

    def __init__(self, n_documents: int, n_latents: int) -> None:
        self._shape = (n_documents, n_latents)
        self._done: list[tuple[Ints, Floats]] = []
        self._open: tuple[Ints, Floats] = (np.zeros(0, np.int64), np.zeros(0, np.float32))

    def add(self, documents: Ints, latents: Ints, values: Floats) -> None:
        """Add (n,) entries; no document may come before one of an earlier call."""
        if not len(documents):
            return
        keys = np.concatenate([self._open[0], documents * self._shape[1] + latents])
        keys, values = _max_per_key(keys, np.concatenate([self._open[1], values]))
        cut = np.searchsorted(keys, documents[-1] * self._shape[1])
        self._done.append((keys[:cut], values[:cut]))
        self._open = keys[cut:], values[cut:]

    def result(self) -> csr_array[Any]:
        """(n_documents, n_latents) float32 with ascending latents in each row."""
        keys = np.concatenate([keys for keys, _ in (*self._done, self._open)])
        values = np.concatenate([values for _, values in (*self._done, self._open)])
        documents, latents = np.divmod(keys, self._shape[1])
        counts = np.bincount(documents, minlength=self._shape[0])
        indptr = np.concatenate([np.zeros(1, np.int64), counts.cumsum()])
        return csr_array((values, latents.astype(np.int32), indptr), self._shape)


def _max_per_key(keys: Ints, values: Floats) -> tuple[Ints, Floats]:
    """Ascending distinct keys and the largest value of each."""
    order = keys.argsort(kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    return keys[first], np.maximum.reduceat(values[order], first)
