"""Texts to vectors: the dense embedding and the max-pooled latents from one reading."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from glassdex.errors import SAEError
from glassdex.sae.autoencoder import SparseAutoencoder
from glassdex.sae.reader import ReadBatch, Reader, Window
from glassdex.sae.workers import ordered_map

QUERIES = 256
"""Texts whose vectors as a query are remembered; some kilobytes each."""

Hidden = NDArray[np.float32]
OnBatch = Callable[[Hidden], None]
"""Is shown the (n_tokens, width) hidden states of every batch."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Vectors of n texts.

    dense: (n, width) float32, unit length.
    latents: (n, d_sae) float32 CSR, the largest activation of each latent over the text's tokens.
    tokens: (n,) int64, content tokens read.
    """

    dense: NDArray[np.float32]
    latents: sp.csr_array
    tokens: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TokenSpan:
    """A piece of a text, in characters, with the activation that a latent has there."""

    start: int
    stop: int
    activation: float


class TextEncoder:
    """A reader and the SAE that was trained on its layer."""

    def __init__(self, reader: Reader, sae: SparseAutoencoder) -> None:
        if reader.width != sae.config.d_in:
            raise SAEError(
                f"the SAE reads vectors of dimension {sae.config.d_in}, but "
                f"{reader.checkpoint.name} has {reader.width}: it was trained on another reader"
            )
        self.reader = reader
        self.sae = sae
        self._remembered = lru_cache(QUERIES)(self._read_query)

    def encode(self, texts: Sequence[str], on_batch: OnBatch | None = None) -> Encoded:
        """Read texts whole; longer ones than a window are read in overlapping windows.

        A text's vectors do not depend on the other texts of the call. Memory is bounded by the
        texts and their sparse latents, never by tokens x d_sae.
        """
        tokens = self.reader.tokenize(texts)
        pools = _Pools(len(texts), self.reader.width, self.sae.config.d_sae)
        for batch, latents in ordered_map(self._encode_batch, self.reader.batches(tokens)):
            pools.add(batch, latents)
            if on_batch is not None:
                on_batch(batch.hidden)
        counts = np.array([len(t.ids) for t in tokens], dtype=np.int64)
        return Encoded(pools.dense(), pools.latents(), counts)

    def encode_query(self, text: str) -> Encoded:
        """Read one short text quickly, without padding; a longer one than a window as `encode`.

        The last QUERIES texts are remembered; do not write to what is returned.
        """
        return self._remembered(text)

    def _read_query(self, text: str) -> Encoded:
        (tokens,) = self.reader.tokenize([text])
        if len(tokens.ids) > self.reader.window:
            return self.encode([text])
        batch = self.reader.read_one(tokens)
        pools = _Pools(1, self.reader.width, self.sae.config.d_sae)
        pools.add(batch, self._max_pool(batch))
        return Encoded(pools.dense(), pools.latents(), np.array([len(batch.hidden)]))

    def spans(self, texts: Sequence[str], latents: Sequence[int]) -> list[list[list[TokenSpan]]]:
        """Where in each text the given latents are active: [text][latent] to spans, by position.

        Neighbouring active tokens are one span with their largest activation. Memory: the
        texts' tokens x the latents asked for.
        """
        tokens = self.reader.tokenize(texts)
        columns = np.array(latents, dtype=np.int64)
        values = [np.zeros((len(t.ids), len(latents)), dtype=np.float32) for t in tokens]
        for batch in self.reader.read(tokens):
            active = self.sae.activations_of(batch.hidden, columns)
            for position, window in enumerate(batch.windows):
                own = slice(window.span.own_start, window.span.own_stop)
                values[window.text][own] = active[batch.window == position]
        return [
            [_runs(t.offsets, column) for column in v.T]
            for t, v in zip(tokens, values, strict=True)
        ]

    def describe(self) -> dict[str, Any]:
        """All that fixes the meaning of these vectors, for the fingerprint."""
        return {
            **self.reader.describe(),
            "sae_sha256": self.sae.weights_sha256,
            "d_sae": self.sae.config.d_sae,
            "latent_pooling": "max",
        }

    def _encode_batch(self, windows: Sequence[Window]) -> tuple[ReadBatch, sp.csr_array]:
        seen = self.reader.forward(windows)
        return seen, self._max_pool(seen)

    def _max_pool(self, batch: ReadBatch) -> sp.csr_array:
        return self.sae.encode_max(batch.hidden, batch.window, len(batch.windows))


class _Pools:
    """Gathers windows, in whatever order they were read, into whole texts."""

    def __init__(self, n_texts: int, width: int, d_sae: int) -> None:
        self._shape = (n_texts, d_sae)
        self._width = width
        self._texts: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
        self._starts: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
        self._pooled: list[NDArray[np.float64]] = [np.zeros((0, width))]
        self._keys: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
        self._values: list[NDArray[np.float32]] = [np.zeros(0, dtype=np.float32)]

    def add(self, batch: ReadBatch, latents: sp.csr_array) -> None:
        texts = np.array([w.text for w in batch.windows])
        weights = np.array([max(1, w.span.own_stop - w.span.own_start) for w in batch.windows])
        self._texts.append(texts)
        self._starts.append(np.array([w.span.own_start for w in batch.windows]))
        self._pooled.append(batch.pooled.astype(np.float64) * weights[:, None])
        owner = np.repeat(texts, np.diff(latents.indptr))
        self._keys.append(owner * self._shape[1] + latents.indices.astype(np.int64))
        self._values.append(latents.data)

    def dense(self) -> NDArray[np.float32]:
        """Mean over windows, weighted by their own tokens, scaled to unit length."""
        texts, pooled = np.concatenate(self._texts), np.concatenate(self._pooled)
        # Always added in the order of the text: the order of a sum may change its last bits.
        order = np.lexsort((np.concatenate(self._starts), texts))
        sums = np.zeros((self._shape[0], self._width))
        np.add.at(sums, texts[order], pooled[order])
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.asarray(sums / np.maximum(norms, 1e-12), dtype=np.float32)

    def latents(self) -> sp.csr_array:
        """Largest value of each latent over a text's windows."""
        keys, values = np.concatenate(self._keys), np.concatenate(self._values)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        largest = np.maximum.reduceat(values[order], first)
        texts, latents = np.divmod(keys[first], self._shape[1])
        rows = np.searchsorted(texts, np.arange(self._shape[0] + 1))
        return sp.csr_array((largest, latents, rows), shape=self._shape)


def _runs(offsets: Sequence[tuple[int, int]], activations: NDArray[np.float32]) -> list[TokenSpan]:
    """Runs of neighbouring active tokens of one text."""
    active = np.flatnonzero(activations > 0)
    if not len(active):
        return []
    breaks = np.flatnonzero(np.diff(active) > 1) + 1
    return [
        TokenSpan(offsets[run[0]][0], offsets[run[-1]][1], float(activations[run].max()))
        for run in np.split(active, breaks)
    ]
