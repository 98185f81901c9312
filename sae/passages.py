"""The strongest passages of every latent, gathered in one pass and bounded memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from tokenizers import Encoding

from glassdex.sae.encoder import TextEncoder
from glassdex.sae.reader import ReadBatch

CONTEXT = 8
"""Tokens shown on each side of the strongest one."""

CONTEXT_CHARS = 200
"""Characters shown on each side of where it begins, at most: one token can be a whole file."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of text around a latent's strongest token; `peak` are characters of `text`."""

    text: str
    peak: tuple[int, int]
    activation: float


@dataclass(frozen=True, slots=True)
class _Peaks:
    """The strongest token of a latent in a text, one entry per pair; all (n,) arrays."""

    latent: NDArray[np.int64]
    text: NDArray[np.int64]
    token: NDArray[np.int64]
    value: NDArray[np.float32]

    def __getitem__(self, rows: NDArray[np.int64]) -> "_Peaks":
        return _Peaks(self.latent[rows], self.text[rows], self.token[rows], self.value[rows])

    def strongest(self) -> "_Peaks":
        """One entry per latent and text, ordered by both; ties go to the first token."""
        ordered = self[np.lexsort((self.token, -self.value, self.text, self.latent))]
        pair = ordered.latent * (int(self.text.max(initial=0)) + 1) + ordered.text
        return ordered[np.unique(pair, return_index=True)[1]]


class TopPassages:
    """Keeps the `keep` strongest passages of each latent, one a document.

    Ties go to the passage seen first. Memory: d_sae x keep short texts.
    """

    def __init__(self, d_sae: int, keep: int) -> None:
        self._keep = keep
        self._d_sae = d_sae
        self._latent = np.zeros(0, dtype=np.int64)
        self._value = np.zeros(0, dtype=np.float32)
        self._passages: list[Passage] = []

    def add(self, encoder: TextEncoder, texts: Sequence[str]) -> sp.csr_array:
        """Read texts and keep what is stronger than what was kept before.

        Returns their max-pooled latents, (len(texts), d_sae) CSR.
        """
        tokens = encoder.reader.tokenize(texts)
        batches = [_peaks(encoder.sae.encode(b.hidden), b) for b in encoder.reader.read(tokens)]
        if not batches:
            return sp.csr_array(np.zeros((0, self._d_sae), dtype=np.float32))
        peaks = _concatenate(batches).strongest()
        self._merge(peaks, texts, tokens)
        pooled = (peaks.value, (peaks.text, peaks.latent))
        return sp.csr_array(pooled, shape=(len(texts), self._d_sae))

    def all(self) -> list[list[Passage]]:
        """Passages of every latent, strongest first."""
        found: list[list[Passage]] = [[] for _ in range(self._d_sae)]
        for latent, passage in zip(self._latent.tolist(), self._passages, strict=True):
            found[latent].append(passage)
        return found

    def _merge(self, new: _Peaks, texts: Sequence[str], tokens: Sequence[Encoding]) -> None:
        old = len(self._latent)
        latent = np.concatenate([self._latent, new.latent])
        value = np.concatenate([self._value, new.value])
        order = np.lexsort((np.arange(len(latent)), -value, latent))
        rank = np.arange(len(order)) - np.searchsorted(latent[order], latent[order])
        kept = order[rank < self._keep]
        self._passages = [
            self._passages[i] if i < old else _cut(texts, tokens, new, i - old)
            for i in kept.tolist()
        ]
        self._latent, self._value = latent[kept], value[kept]


def _peaks(codes: sp.csr_array, batch: ReadBatch) -> _Peaks:
    """Every active latent of every token of a batch, reduced to the strongest token a text."""
    entries = codes.tocoo()
    text = np.array([w.text for w in batch.windows])
    first = np.array([w.span.own_start for w in batch.windows])
    rows = np.arange(len(batch.hidden))
    token = first[batch.window] + rows - np.searchsorted(batch.window, batch.window)
    return _Peaks(
        entries.col.astype(np.int64),
        text[batch.window[entries.row]],
        token[entries.row],
        entries.data.astype(np.float32),
    ).strongest()


def _concatenate(parts: Sequence[_Peaks]) -> _Peaks:
    return _Peaks(
        np.concatenate([p.latent for p in parts]),
        np.concatenate([p.text for p in parts]),
        np.concatenate([p.token for p in parts]),
        np.concatenate([p.value for p in parts]),
    )


def _cut(texts: Sequence[str], tokens: Sequence[Encoding], peaks: _Peaks, row: int) -> Passage:
    text, offsets = texts[peaks.text[row]], tokens[peaks.text[row]].offsets
    token = int(peaks.token[row])
    low, high = offsets[token]
    start = max(offsets[max(0, token - CONTEXT)][0], low - CONTEXT_CHARS)
    stop = min(offsets[min(len(offsets) - 1, token + CONTEXT)][1], low + CONTEXT_CHARS)
    peak = (low - start, min(high, stop) - start)
    return Passage(text[start:stop], peak, float(peaks.value[row]))
