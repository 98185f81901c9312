"""Which of a document's latents an index keeps: hundreds are active, and few of them matter.

A text of 27 tokens has some 230 active latents, most of them barely. Activations are compared as
shares of the latent's 90th percentile, as they are when a query is answered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from glassdex.errors import UsageError

STRONGEST = 80
"""Latents kept of a document unless another number is asked for: see docs/sae.md."""


@dataclass(frozen=True, slots=True)
class Pruning:
    """strongest: latents kept of a document, at most; None keeps all.
    least: smallest activation kept, as a share of the latent's 90th percentile.

    Raises UsageError on a number below 1, or a share below 0.
    """

    strongest: int | None = STRONGEST
    least: float = 0.0

    def __post_init__(self) -> None:
        if self.strongest is not None and self.strongest < 1:
            raise UsageError(
                f"{self.strongest} latents of a document cannot be kept: use 1 or more"
            )
        if not 0 <= self.least < float("inf"):
            raise UsageError(f"the smallest activation kept is {self.least}: use 0 or more")

    def describe(self) -> dict[str, Any]:
        """For the fingerprint and the index's own record."""
        return {"keep": self.strongest or "all", "keep_above": self.least}

    @classmethod
    def described(cls, facts: Mapping[str, Any]) -> Self:
        """What `describe` gave; nothing is pruned where it says nothing."""
        keep = facts.get("keep", "all")
        return cls(None if keep == "all" else int(keep), float(facts.get("keep_above", 0.0)))

    def prune(self, latents: sp.csr_array, scale: NDArray[np.float32]) -> sp.csr_array:
        """The entries to keep.

        latents: (n, d_sae) activations. scale: (d_sae,) 90th percentiles, positive. Of equally
        strong latents the lower ones are kept.
        """
        share = np.asarray(latents.data / scale[latents.indices], np.float32)
        keep = share >= self.least
        if self.strongest is not None:
            share[~keep] = -1
            for row in np.flatnonzero(np.diff(latents.indptr) > self.strongest).tolist():
                entries = slice(latents.indptr[row], latents.indptr[row + 1])
                keep[entries] &= _largest(share[entries], self.strongest)
        rows = np.repeat(np.arange(latents.shape[0]), np.diff(latents.indptr))[keep]
        starts = np.searchsorted(rows, np.arange(latents.shape[0] + 1))
        return sp.csr_array((latents.data[keep], latents.indices[keep], starts), latents.shape)


def _largest(values: NDArray[np.float32], n: int) -> NDArray[np.bool_]:
    """Mask of the n largest; of equal ones the first."""
    least = np.partition(values, -n)[-n]
    keep: NDArray[np.bool_] = values > least
    equal = np.flatnonzero(values == least)
    keep[equal[: n - int(np.count_nonzero(keep))]] = True
    return keep
