"""How good an SAE is on hidden states it was not trained on, in one pass and bounded memory."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from glassdex.errors import SAEError
from glassdex.sae.autoencoder import SparseAutoencoder

LOG_DENSITY_EDGES = tuple(float(edge) for edge in np.arange(-8, 0.5, 0.5))
"""Edges of the histogram of log10 density; density 1 falls into the last bin."""


@dataclass(frozen=True)
class QualityReport:
    """Held-out figures of an SAE."""

    tokens: int
    """Hidden states looked at."""

    nmse: float
    """Squared error over that of always answering the mean: 0 is perfect, 1 is the mean."""

    explained_variance: float
    """1 - variance of the residual / variance of the input, summed over dimensions.

    It forgives a constant error, nMSE does not: 1 - nmse is at most this."""

    l0: float
    """Active latents per hidden state."""

    dead_share: float
    """Share of latents never active here; on few hidden states rare latents count as dead."""

    mean_log_density: float
    """Mean log10 of the density of the latents that are alive; nan if none is."""

    density_edges: tuple[float, ...]
    """(n_bins + 1,) log10 densities."""

    density_counts: tuple[int, ...]
    """(n_bins,) latents; dead ones are in no bin."""

    def to_json(self) -> dict[str, Any]:
        """The report as plain values for JSON; a number that does not exist is null."""
        fields = asdict(self)
        for name, value in fields.items():
            if isinstance(value, float) and not np.isfinite(value):
                fields[name] = None
        return fields | {
            "density_edges": list(self.density_edges),
            "density_counts": list(self.density_counts),
        }


class _Spread:
    """Count, sum and sum of squares of vectors, around a fixed centre to keep digits."""

    def __init__(self, centre: npt.NDArray[np.float64]) -> None:
        self._centre = centre
        self._count = 0
        self._sum = np.zeros_like(centre)
        self.square = 0.0

    def add(self, rows: npt.NDArray[np.float64]) -> None:
        moved = rows - self._centre
        self._count += len(moved)
        self._sum += moved.sum(0)
        self.square += float(np.square(moved).sum())

    def around_mean(self) -> float:
        """Sum of squared distances from the mean of all vectors."""
        return self.square - float(np.square(self._sum).sum()) / self._count


def quality(sae: SparseAutoencoder, blocks: Iterable[npt.NDArray[np.float32]]) -> QualityReport:
    """Measure an SAE on a stream of hidden states.

    Args:
        sae: the SAE, used as at inference.
        blocks: (any number, d_in) float32 arrays, not scaled; each is decoded as a whole, so
            some thousand rows are a good size.

    Raises:
        SAEError: there are no hidden states, or they have another width.
    """
    d_in, d_sae = sae.config.d_in, sae.config.d_sae
    inputs, residuals = _Spread(_mean_guess(sae)), _Spread(np.zeros(d_in))
    active, tokens = np.zeros(d_sae, np.int64), 0
    for block in blocks:
        codes = sae.encode(block)
        inputs.add(block.astype(np.float64))
        residuals.add(block.astype(np.float64) - sae.decode(codes))
        active += np.bincount(codes.indices, minlength=d_sae)
        tokens += len(block)
    if tokens == 0:
        raise SAEError("there are no hidden states to measure on; wanted at least one")
    return _report(inputs, residuals, active, tokens)


def _mean_guess(sae: SparseAutoencoder) -> npt.NDArray[np.float64]:
    """The pre-bias in input space: near the mean of the inputs."""
    return sae.weights.b_dec.numpy().astype(np.float64) / sae.config.scale


def _report(
    inputs: _Spread, residuals: _Spread, active: npt.NDArray[np.int64], tokens: int
) -> QualityReport:
    total = inputs.around_mean()
    logs = np.log10(active[active > 0] / tokens)
    counts, _ = np.histogram(logs, LOG_DENSITY_EDGES)
    return QualityReport(
        tokens=tokens,
        nmse=_ratio(residuals.square, total),
        explained_variance=1 - _ratio(residuals.around_mean(), total),
        l0=int(active.sum()) / tokens,
        dead_share=float((active == 0).mean()),
        mean_log_density=float(logs.mean()) if len(logs) else float("nan"),
        density_edges=LOG_DENSITY_EDGES,
        density_counts=tuple(int(count) for count in counts),
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
