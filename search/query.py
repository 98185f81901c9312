"""What a text means as a query: a dense direction, weights on latents, and words."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glassdex.indexer.index import Index
from glassdex.indexer.latents import MEANING, latent_numbers
from glassdex.search.background import Background

OWN = 0.6
"""Share of the latents that are active in the text itself; the rest goes to those near it in
meaning."""

SIMILAR = 50
"""Latents taken by their meaning; 20 to 100 differ little, one alone is far too few."""

TEMPERATURE = 0.1
"""Cosine distance over which the weight of a similar latent falls by e."""

_MARGIN = 32


@dataclass(frozen=True, slots=True)
class QueryVectors:
    """A text read as a query.

    dense: (width,) float64, unit length. latents: (d_sae,) float64, weight per unit of
    activation / scale, summing to 1. similarity: latent to the cosine of its meaning to the text.
    """

    dense: NDArray[np.float64]
    latents: NDArray[np.float64]
    similarity: dict[int, float]


def read_query(index: Index, background: Background, text: str) -> QueryVectors:
    """Weigh the latents that are active in the text itself and those whose meaning is near it."""
    encoded = index.bundle.encoder.encode_query(text)
    dense = encoded.dense[0].astype(np.float64)
    similarity = similar_latents(index, encoded.dense[0], SIMILAR)
    own = np.zeros(len(index.bundle.catalogue))
    own[encoded.latents.indices] = encoded.latents.data
    own *= background.idf / background.scale
    near = np.zeros_like(own)
    if similarity:
        ids, cosines = np.array(list(similarity)), np.array(list(similarity.values()))
        near[ids] = np.exp((cosines - cosines.max()) / TEMPERATURE)
        near *= background.idf
    return QueryVectors(dense, OWN * _share(own) + (1 - OWN) * _share(near), similarity)


def similar_latents(index: Index, vector: NDArray[np.float32], n: int) -> dict[int, float]:
    """The n latents whose meaning is nearest to a unit vector, with their cosines, nearest first.

    The store proposes; the cosines are computed here, so that every engine gives the same ones.
    """
    hits = index.latents.search_dense(MEANING, vector, limit=n + _MARGIN)
    numbers = latent_numbers(len(index.bundle.catalogue))
    ids = [numbers[hit.id] for hit in hits]
    meanings = index.bundle.catalogue.vectors[ids].astype(np.float64)
    cosines = np.einsum("nd,d->n", meanings, vector.astype(np.float64)).tolist()
    return dict(sorted(zip(ids, cosines, strict=True), key=lambda p: (-p[1], p[0]))[:n])


def _share(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    total = weights.sum()
    return weights / total if total > 0 else weights
