"""Per-latent statistics of max-pooled documents, in one pass and bounded memory."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

BINS_PER_DOUBLING = 8
_LOWEST, _HIGHEST = -14, 14
_EDGES = 2.0 ** np.arange(_LOWEST, _HIGHEST + 1 / BINS_PER_DOUBLING, 1 / BINS_PER_DOUBLING)


class LatentStatistics:
    """Counts, maxima and percentiles of each latent over the documents in which it is active.

    Percentiles come from a histogram with 8 bins a doubling, between 2^-14 and 2^14: they are
    within 4.5 % of the exact ones. Memory: d_sae x 224 counts, 0.9 KB a latent.
    """

    def __init__(self, d_sae: int) -> None:
        self.documents = 0
        self._count = np.zeros(d_sae, dtype=np.int64)
        self._maximum = np.zeros(d_sae, dtype=np.float32)
        self._histogram = np.zeros((d_sae, len(_EDGES) - 1), dtype=np.int32)

    def add(self, latents: sp.csr_array) -> None:
        """Add documents: (n, d_sae) CSR of positive activations."""
        self.documents += int(latents.shape[0])
        columns, values = latents.indices, latents.data
        self._count += np.bincount(columns, minlength=len(self._count))
        np.maximum.at(self._maximum, columns, values)
        bins = np.clip(np.searchsorted(_EDGES, values, side="right") - 1, 0, len(_EDGES) - 2)
        np.add.at(self._histogram, (columns, bins), 1)

    @property
    def count(self) -> NDArray[np.int64]:
        """(d_sae,) documents in which each latent is active."""
        return self._count

    @property
    def density(self) -> NDArray[np.float32]:
        """(d_sae,) share of documents in which each latent is active."""
        return (self._count / max(1, self.documents)).astype(np.float32)

    @property
    def maximum(self) -> NDArray[np.float32]:
        """(d_sae,) largest activation; 0 for a silent latent."""
        return self._maximum

    def percentile(self, share: float) -> NDArray[np.float32]:
        """(d_sae,) activation below which `share` of a latent's active documents lie.

        The geometric middle of the bin, never above the maximum; 0 for a silent latent.
        """
        cumulative = np.cumsum(self._histogram, axis=1, dtype=np.int32)
        # A shade less, so that 55 % of 100 is 55 documents and not 56 by a rounding error.
        wanted = np.ceil(share * self._count * (1 - 1e-12))[:, None]
        position = (cumulative < np.maximum(wanted, 1)).sum(axis=1)
        position = np.minimum(position, len(_EDGES) - 2)
        middle = np.sqrt(_EDGES[position] * _EDGES[position + 1])
        return np.where(self._count > 0, np.minimum(middle, self._maximum), 0).astype(np.float32)
