"""What a property in the user's words looks like, learnt from the bank: kernel ridge regression.

Each property of the bank is a pair of wording and directions; the directions of other wordings are
a weighted sum of theirs. With c the unit vector from the mean wording to a property's (or to the
query's), T the directions of all properties and k the kernel exp(2 (cos - 1)):

    directions(query) = k(query)^T (K + ridge I)^-1 T

How far that is to be trusted is its coverage: how near the nearest wording of the bank is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from glassdex.sae.encoded_bank import EncodedBank

RIDGE = 0.1
SHARPNESS = 2.0

COVERED = 0.5
"""Cosine of the nearest wording at which the bank is half trusted; how soon that changes."""

COVERED_WIDTH = 0.05

NEAREST = 5
"""Properties of the bank that are named."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KnownProperty:
    """What the bank makes of a query.

    dense: (width,) and latents: (d_sae,) float64 directions, of no particular length. coverage:
    0 to 1. nearest: names of the nearest properties with the cosine of their nearest wording.
    """

    dense: Doubles
    latents: Doubles
    coverage: float
    nearest: Sequence[tuple[str, float]]

    def to_json(self) -> dict[str, Any]:
        """`bank` in a search's answer."""
        nearest = [{"property": name, "similarity": cosine} for name, cosine in self.nearest]
        return {"coverage": self.coverage, "nearest": nearest}


class PropertyMap:
    """From the embedding of a query to a property, by what the bank knows."""

    def __init__(self, bank: EncodedBank) -> None:
        self._bank = bank
        wordings = bank.wordings.astype(np.float64)
        self._wordings, self._dense = wordings, bank.dense.astype(np.float64)
        self._mean = wordings.mean(axis=0)
        centres = np.zeros((len(bank), wordings.shape[1]))
        np.add.at(centres, bank.owners, wordings - self._mean)
        self._centres = _unit(centres)
        kernel = _kernel(self._centres @ self._centres.T)
        kernel[np.diag_indices_from(kernel)] += RIDGE
        self._factor = scipy.linalg.cho_factor(kernel, overwrite_a=True, check_finite=False)

    def look_up(self, query: Doubles) -> KnownProperty:
        """What is known of a (width,) unit embedding of a wording."""
        near = _kernel(self._centres @ _unit(query - self._mean))
        shares = scipy.linalg.cho_solve(self._factor, near, check_finite=False)
        cosines = np.full(len(self._bank), -1.0)
        np.maximum.at(cosines, self._bank.owners, self._wordings @ query)
        order = np.argsort(-cosines, kind="stable")[:NEAREST].tolist()
        distance = (COVERED - float(cosines[order[0]])) / COVERED_WIDTH
        return KnownProperty(
            dense=shares @ self._dense,
            latents=np.asarray(self._bank.latents.T @ shares),
            coverage=float(1 / (1 + np.exp(distance))),
            nearest=[(self._bank.names[n], float(cosines[n])) for n in order],
        )


def _kernel(cosines: Doubles) -> Doubles:
    return np.asarray(np.exp(SHARPNESS * (cosines - 1)))


def _unit(vectors: Doubles) -> Doubles:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12))
