"""The sparse autoencoder at inference: hidden states to sparse codes and back."""

import hashlib
from collections.abc import Iterator
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
from glassdex.sae.max_pool import MaxPool
from glassdex.sae.selection import Selection

Rows = npt.NDArray[np.float32]

BLOCK = 512
"""Rows per matrix product. Every product has this shape (the last block is filled up with
zeros), because the rounding of a product depends on its shape: so a row's code does not depend
on the rows it comes with. Memory: BLOCK * d_sae floats, three times."""


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
        counts, latents, values = [np.zeros(1, np.int64)], [], []
        for _, at, found in self._blocks(x):
            counts.append(np.bincount(at.rows.numpy(), minlength=at.n_rows))
            latents.append(at.latents.numpy().astype(np.int32))
            values.append(found)
        indptr = np.concatenate(counts).cumsum()
        shape = (len(x), self.config.d_sae)
        return csr_array((_joined(values, np.float32), _joined(latents, np.int32), indptr), shape)

    def encode_max(
        self, x: Rows, segment: npt.NDArray[np.int64], n_segments: int
    ) -> csr_array[Any]:
        """Codes pooled per document: the largest activation of each latent over its rows.

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
        pool = MaxPool(n_segments, self.config.d_sae)
        for start, at, values in self._blocks(x):
            pool.add(segment[start + at.rows.numpy()], at.latents.numpy(), values)
        return pool.result()

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
        wanted = torch.from_numpy(np.array(latents, np.int64))
        if wanted.numel() and not 0 <= int(wanted.min()) <= int(wanted.max()) < self.config.d_sae:
            raise SAEError(
                f"latents {int(wanted.min())} to {int(wanted.max())} were asked for; this SAE has "
                f"0 to {self.config.d_sae - 1}"
            )
        out = np.zeros((len(x), len(wanted)), np.float32)
        for start, rows, pre in self._pre_activations(x):
            columns = torch.where(self._activation.active(pre), pre, 0.0)[:rows, wanted]
            out[start : start + rows] = columns.numpy()
        return out

    def decode(self, codes: csr_array[Any]) -> Rows:
        """Reconstructed hidden states of (n, d_sae) codes: (n, d_in) float32, not scaled."""
        decoded = codes @ self.weights.w_dec.numpy() + self.weights.b_dec.numpy()
        return np.asarray(decoded / np.float32(self.config.scale), np.float32)

    def _blocks(self, x: Rows) -> Iterator[tuple[int, Selection, Rows]]:
        """For each block: its first row, the active entries and their values."""
        for start, rows, pre in self._pre_activations(x):
            at = Selection.from_mask(self._activation.active(pre)[:rows])
            yield start, at, pre[at.rows, at.latents].numpy()

    def _pre_activations(self, x: Rows) -> Iterator[tuple[int, int, Tensor]]:
        """For each block: its first row, its rows, and (BLOCK, d_sae) pre-activations."""
        d_in, weights = self.config.d_in, self.weights
        if x.ndim != 2 or x.shape[1] != d_in:
            raise SAEError(f"hidden states have shape {x.shape}; this SAE wants (rows, {d_in})")
        for start in range(0, len(x), BLOCK):
            rows = min(BLOCK, len(x) - start)
            block = np.zeros((BLOCK, d_in), np.float32)
            block[:rows] = x[start : start + rows]
            centred = torch.from_numpy(block).mul_(self.config.scale).sub_(weights.b_dec)
            yield start, rows, torch.addmm(weights.b_enc, centred, weights.w_enc.T)


def _joined(parts: list[Any], dtype: type) -> npt.NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype)


def _check_segments(segment: npt.NDArray[np.int64], rows: int, n_segments: int) -> None:
    if segment.shape != (rows,):
        raise SAEError(f"segment has shape {segment.shape}; wanted one document per row: ({rows},)")
    if rows and (bool((np.diff(segment) < 0).any()) or segment[0] < 0 or segment[-1] >= n_segments):
        raise SAEError(
            f"segment runs from {segment[0]} to {segment[-1]}; wanted ascending documents from 0 "
            f"to {n_segments - 1}"
        )
