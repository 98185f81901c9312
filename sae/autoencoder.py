"""The sparse autoencoder at inference: hidden states to sparse codes and back."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array
from torch import Tensor

from glassdex.errors import SAEError
from glassdex.sae.activation import BUILDERS
from glassdex.sae.config import SAEConfig
from glassdex.sae.max_pool import max_pool
from glassdex.sae.screen import Screen

Rows = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Weights:
    """The tensors of an SAE, float32."""

    w_enc: Tensor
    """(d_sae, d_in)."""

    b_enc: Tensor
    """(d_sae,)."""

    w_dec: Tensor
    """(d_sae, d_in), rows of unit norm."""

    b_dec: Tensor
    """(d_in,), the pre-bias: subtracted before encoding, added after decoding."""

    threshold: Tensor
    """(d_sae,) for jumprelu, (1,) for batchtopk, (0,) for topk and relu; not negative."""

    def named(self) -> dict[str, Tensor]:
        """The tensors by their names on disk; an empty threshold is left out."""
        tensors = {
            "W_enc": self.w_enc,
            "b_enc": self.b_enc,
            "W_dec": self.w_dec,
            "b_dec": self.b_dec,
            "threshold": self.threshold,
        }
        return {name: tensor for name, tensor in tensors.items() if tensor.numel()}


def weight_shapes(config: SAEConfig) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor on disk."""
    thresholds = {"jumprelu": config.d_sae, "batchtopk": 1}.get(config.activation, 0)
    shapes: dict[str, tuple[int, ...]] = {
        "W_enc": (config.d_sae, config.d_in),
        "b_enc": (config.d_sae,),
        "W_dec": (config.d_sae, config.d_in),
        "b_dec": (config.d_in,),
    }
    return shapes | ({"threshold": (thresholds,)} if thresholds else {})


class SparseAutoencoder:
    """a = sigma(W_enc (s x - b_dec) + b_enc);  x_hat = (a W_dec + b_dec) / s.

    The notation of 2406.04093 with rows for columns; s is the global input scale.
    """

    def __init__(self, config: SAEConfig, weights: Weights) -> None:
        """Check the weights against the configuration.

        Raises:
            SAEError: a tensor has another shape or dtype, or a threshold is negative.
        """
        named, wanted = weights.named(), weight_shapes(config)
        for name, shape in wanted.items():
            seen = tuple(named[name].shape) if name in named else "no values"
            if seen != shape or named[name].dtype != torch.float32:
                kind = named[name].dtype if name in named else ""
                raise SAEError(f"tensor '{name}' is {seen} {kind}; wanted {shape} torch.float32")
        if weights.threshold.numel() and float(weights.threshold.min()) < 0:
            raise SAEError(
                f"tensor 'threshold' holds {float(weights.threshold.min())}; wanted no negative "
                "value: an active latent has an activation above 0"
            )
        self.config = config
        self.weights = weights
        self._activation = BUILDERS[config.activation](config.k or 0, weights.threshold, 0.0)

    @cached_property
    def weights_sha256(self) -> str:
        """SHA-256, hexadecimal, over all that fixes an activation: weights, scale, kind, k."""
        config = self.config
        digest = hashlib.sha256(f"{config.activation} {config.k} {config.scale!r}".encode())
        for name, tensor in sorted(self.weights.named().items()):
            digest.update(f"{name} {tuple(tensor.shape)}".encode())
            digest.update(np.ascontiguousarray(tensor.numpy(), dtype="<f4").data)
        return digest.hexdigest()

    def encode(self, x: Rows) -> csr_array[Any]:
        """Sparse codes of hidden states.

        Args:
            x: (n, d_in) float32 as the reader gives them, not scaled.

        Returns:
            (n, d_sae) float32 with ascending latents in each row; all values are above 0.

        Raises:
            SAEError: `x` has another width.
        """
        return self.encode_max(x, np.arange(len(x)), len(x))

    def encode_max(
        self, x: Rows, segment: npt.NDArray[np.int64], n_segments: int
    ) -> csr_array[Any]:
        """Codes pooled per document: the largest activation of each latent over its rows.

        A row's activations depend on that row alone, to the last bit: see
        `glassdex.sae.screen` for how most of the product is avoided.

        Args:
            x: (n, d_in) float32, not scaled.
            segment: (n,) int64, document of each row, ascending, from 0 to n_segments - 1.
            n_segments: number of documents; one without rows gets an empty code.

        Returns:
            (n_segments, d_sae) float32 with ascending latents in each row.

        Raises:
            SAEError: `x` has another width, or `segment` is not ascending or out of range.
        """
        _check_segments(segment, len(x), n_segments)
        return max_pool(
            self.screen,
            self._centred(x),
            segment,
            n_segments,
            threshold=self._thresholds,
            k=self._k_per_row,
        )

    def codes(self, x: Rows) -> Rows:
        """Dense codes of a few hidden states by the formula itself: what `encode` must equal.

        Pre-activations are summed in float64 and rounded once.

        Args:
            x: (n, d_in) float32, not scaled.

        Returns:
            (n, d_sae) float32.

        Raises:
            SAEError: `x` has another width.
        """
        pre = self._pre_activations(x, slice(None))
        codes: Rows = torch.where(self._activation.active(pre), pre, 0.0).numpy()
        return codes

    def activations_of(self, x: Rows, latents: npt.NDArray[np.int64]) -> Rows:
        """Activations of a few latents: exactly those columns of `encode`.

        Args:
            x: (n, d_in) float32, not scaled.
            latents: (m,) int64.

        Returns:
            (n, m) float32, dense.

        Raises:
            SAEError: `x` has another width, or there is no such latent.
        """
        wanted = np.array(latents, np.int64)
        if wanted.size and not 0 <= int(wanted.min()) <= int(wanted.max()) < self.config.d_sae:
            raise SAEError(
                f"latents {int(wanted.min())} to {int(wanted.max())} were asked for; this SAE has "
                f"0 to {self.config.d_sae - 1}"
            )
        if self._k_per_row is not None:
            # Whether a latent is among the k largest depends on all the others.
            return np.asarray(self.encode(x)[:, wanted].toarray(), np.float32)
        pre = self._pre_activations(x, wanted).numpy()
        return np.where(pre > self._thresholds[wanted], pre, np.float32(0))

    @cached_property
    def screen(self) -> Screen:
        """The encoder, rounded for a first look."""
        return Screen.of(self.weights.w_enc.numpy(), self.weights.b_enc.numpy())

    def decode(self, codes: csr_array[Any]) -> Rows:
        """Reconstructed hidden states of (n, d_sae) codes: (n, d_in) float32, not scaled."""
        decoded = codes @ self.weights.w_dec.numpy() + self.weights.b_dec.numpy()
        return np.asarray(decoded / np.float32(self.config.scale), np.float32)

    def _pre_activations(self, x: Rows, latents: slice | npt.NDArray[np.int64]) -> Tensor:
        """(n, m) float32 W_enc c + b_enc of some latents."""
        bias, encoder = self.weights.b_enc[latents].double(), self.weights.w_enc[latents].double()
        return torch.addmm(bias, torch.from_numpy(self._centred(x)).double(), encoder.T).float()

    @cached_property
    def _thresholds(self) -> Rows:
        """(d_sae,) float32 above which a latent is active, as far as that is all there is to it."""
        given = self.weights.threshold.numpy()
        thresholds = np.zeros(self.config.d_sae, np.float32)
        if given.size:
            thresholds[:] = given
        return thresholds

    @property
    def _k_per_row(self) -> int | None:
        return self.config.k if self.config.activation == "topk" else None

    def _centred(self, x: Rows) -> Rows:
        """(n, d_in): what the encoder is multiplied with."""
        if x.ndim != 2 or x.shape[1] != self.config.d_in:
            raise SAEError(
                f"hidden states have shape {x.shape}; this SAE wants (rows, {self.config.d_in})"
            )
        scaled = np.asarray(x, np.float32) * np.float32(self.config.scale)
        centred: Rows = scaled - self.weights.b_dec.numpy()
        return centred


def _check_segments(segment: npt.NDArray[np.int64], rows: int, n_segments: int) -> None:
    if segment.shape != (rows,):
        raise SAEError(f"segment has shape {segment.shape}; wanted one document per row: ({rows},)")
    if rows and (bool((np.diff(segment) < 0).any()) or segment[0] < 0 or segment[-1] >= n_segments):
        raise SAEError(
            f"segment runs from {segment[0]} to {segment[-1]}; wanted ascending documents from 0 "
            f"to {n_segments - 1}"
        )
