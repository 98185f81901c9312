"""Does this SAE fit these hidden states? A wrong layer or a foreign SAE shows at once."""

import numpy as np
from numpy.typing import NDArray

from glassdex.sae.autoencoder import SparseAutoencoder

TOKENS = 4096
"""Hidden states looked at, at most."""

FEWEST = 512
"""Hidden states without which there is no verdict: the mean of a few fits them too well."""

PER_BATCH = 256
"""Hidden states taken of one batch, so that many texts are looked at."""

POOR = 0.5
"""Normalised error from which a reconstruction is called poor if the SAE does not say what it
reached in training; predicting the mean scores 1, a fitting SAE 0.1 to 0.4."""


class Probe:
    """Watches the first hidden states of a run and judges their reconstruction once."""

    def __init__(self, sae: SparseAutoencoder) -> None:
        self._sae = sae
        self._seen: list[NDArray[np.float32]] = []
        self._rows = 0
        self._done = False

    def add(self, hidden: NDArray[np.float32]) -> None:
        """Keep some of (n, d_in) hidden states until there are enough."""
        if not self._done and self._rows < TOKENS:
            step = -(-len(hidden) // PER_BATCH) or 1
            self._seen.append(hidden[::step][: TOKENS - self._rows].copy())
            self._rows += len(self._seen[-1])

    def warning(self) -> str | None:
        """One line when the reconstruction is poor; None when it is not, when too little was
        seen yet, or when the verdict was asked for before."""
        if self._done or self._rows < FEWEST:
            return None
        self._done = True
        error, limit = normalised_error(self._sae, np.concatenate(self._seen)), _limit(self._sae)
        self._seen = []
        if error < limit:
            return None
        return (
            f"this SAE reconstructs the hidden states badly: normalised error {error:.2f}, where "
            f"less than {limit:.2f} is usual for it and 1 is as bad as none. Its latents will "
            "mean little: check that it was trained on this reader and layer, and on text like "
            "this"
        )


def normalised_error(sae: SparseAutoencoder, hidden: NDArray[np.float32]) -> float:
    """Mean squared error of the reconstruction over that of predicting the mean (n rows)."""
    residual = hidden - sae.decode(sae.encode(hidden))
    baseline = hidden - hidden.mean(axis=0)
    return float(np.square(residual).sum() / max(np.square(baseline).sum(), 1e-12))


def _limit(sae: SparseAutoencoder) -> float:
    """Twice the error of training, and never as bad as predicting the mean.

    A neighbouring layer is told apart by little more than that: an SAE with 0.16 in training
    has 0.21 to 0.25 on other English text of its layer and 0.34 to 0.5 on the layers around.
    """
    trained = sae.config.recipe.get("training_nmse")
    if not isinstance(trained, float):
        return POOR
    return min(2 * trained, (1 + trained) / 2)
