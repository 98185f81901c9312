"""What the first documents of a ranking have in common and the corpus has not.

Pseudo-relevance feedback. It helps where the first ranking is right and harms where it is not,
so what comes of it is to be weighed gently.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glassdex.search.background import Background, Vectors

KEPT = 100
"""Latents that feedback may weigh: enough to rank well, few enough to look at."""

_FLOOR = 0.1
"""Least spread that a latent is measured in, as a share of its 90th percentile."""


@dataclass(frozen=True, slots=True)
class Common:
    """dense: (width,) mean of the documents less the corpus mean, unit length.
    latents: (d_sae,) non-negative weights per unit of activation / scale, summing to 1."""

    dense: NDArray[np.float64]
    latents: NDArray[np.float64]


def in_common(documents: Vectors, background: Background) -> Common:
    """Means of the documents against the corpus, latents in units of their spread; all zero
    when there is no document."""
    if not len(documents):
        return Common(np.zeros_like(background.dense_mean), np.zeros_like(background.mean))
    dense = documents.dense.mean(axis=0) - background.dense_mean
    scaled = documents.latents.copy()
    scaled.data /= background.scale[scaled.indices]
    mean = np.asarray(scaled.sum(axis=0)).reshape(-1) / len(documents)
    spread = np.maximum(background.spread, _FLOOR)
    excess = np.maximum(mean - background.mean, 0) / spread
    if len(excess) > KEPT:
        excess[np.argsort(-excess, kind="stable")[KEPT:]] = 0
    total = excess.sum()
    norm = np.linalg.norm(dense)
    return Common(dense / norm if norm > 0 else dense, excess / total if total > 0 else excess)
