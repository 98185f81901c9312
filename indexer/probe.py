"""Does this SAE fit these hidden states? A wrong layer or a foreign SAE shows at once."""

import numpy as np
from numpy.typing import NDArray

from glassdex.sae.autoencoder import SparseAutoencoder

TOKENS = 4096
"""Hidden states looked at before a verdict."""

POOR = 0.7
"""Normalised squared error from which a reconstruction is called poor; predicting the mean of
the hidden states scores 1, a fitting SAE 0.2 to 0.4."""


class Probe:
    """Watches the first hidden states of a run and judges their reconstruction once."""

    def __init__(self, sae: SparseAutoencoder) -> None:
        self._sae = sae
        self._seen: list[NDArray[np.float32]] = []
        self._rows = 0
        self._done = False

    def add(self, hidden: NDArray[np.float32]) -> None:
        """Keep (n, d_in) hidden states until there are enough."""
        if self._rows < TOKENS:
            self._seen.append(hidden[: TOKENS - self._rows].copy())
            self._rows += len(self._seen[-1])

    def warning(self) -> str | None:
        """One line when the reconstruction is poor; None when it is not, or was told before."""
        if self._done or not self._rows:
            return None
        self._done = True
        error = normalised_error(self._sae, np.concatenate(self._seen))
        self._seen = []
        if error < POOR:
            return None
        return (
            f"this SAE reconstructs the hidden states badly: normalised error {error:.2f}, where "
            f"0.2 to 0.4 is usual and 1 is as bad as none. Its latents will mean little: check "
            "that it was trained on this reader and layer, and on text like this"
        )


def normalised_error(sae: SparseAutoencoder, hidden: NDArray[np.float32]) -> float:
    """Mean squared error of the reconstruction over that of predicting the mean (n rows)."""
    residual = hidden - sae.decode(sae.encode(hidden))
    baseline = hidden - hidden.mean(axis=0)
    return float(np.square(residual).sum() / max(np.square(baseline).sum(), 1e-12))
