"""A query in the form that documents are scored with: one linear function per source."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from glassdex.search.background import Vectors
from glassdex.store.types import SparseVector

Source = Literal["dense", "property", "bm25"]


@dataclass(frozen=True, slots=True)
class Plan:
    """score(document) = sum over sources of share x the source's own score.

    shares: what a unit of each source's score adds; only these sources are asked.
    dense: (width,) float64, compared by dot product.
    latents: (d_sae,) float64, weight per unit of raw activation.
    words: hashed word to weight per unit of stored value, inverse document frequency included.
    """

    shares: Mapping[Source, float]
    dense: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    latents: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    words: Mapping[int, float] = field(default_factory=dict)

    def scores(self, source: Source, documents: Vectors) -> NDArray[np.float64]:
        """(n,) the source's own score of each document, in double precision."""
        if source == "dense":
            # Not a BLAS product: its last bits depend on how many documents are scored at once.
            return np.asarray(np.einsum("nd,d->n", documents.dense, self.dense))
        if source == "property":
            return np.asarray(documents.latents @ self.latents)
        return documents.word_scores(self.words)

    @property
    def latent_query(self) -> SparseVector:
        """The weighted latents as an engine's query."""
        active = np.flatnonzero(self.latents)
        return SparseVector.of(active, self.latents[active])
