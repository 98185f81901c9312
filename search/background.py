"""A sample of the corpus: what is ordinary there, so that what is not can be told.

Ids are hashes, so the first documents in order of id are a random sample, the same one on every
engine. Means, spreads and frequencies come from it; nothing depends on the corpus's size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from glassdex.indexer.index import DENSE, LATENTS, WORDS, Index
from glassdex.store.types import Record, SparseVector

SAMPLE = 1000
"""Documents in the sample; frequencies are good to about one in a thousand."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """Vectors of n documents, as stored, in double precision to be computed with.

    dense: (n, width) float64. latents: (n, d_sae) float64 CSR. words: (n, 2^32) float64 CSR, a
    column for each hash of a word.
    """

    ids: Sequence[str]
    dense: NDArray[np.float64]
    latents: sp.csr_array
    words: sp.csr_array

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: NDArray[np.int64]) -> "Vectors":
        return Vectors(
            [self.ids[i] for i in rows], self.dense[rows], self.latents[rows], self.words[rows]
        )

    def word_scores(self, weights: Mapping[int, float]) -> NDArray[np.float64]:
        """(n,) sum over words of weight times the document's value."""
        scores = np.zeros(len(self))
        rows = np.repeat(np.arange(len(self)), np.diff(self.words.indptr))
        for word in sorted(weights):
            at = np.flatnonzero(self.words.indices == word)
            scores[rows[at]] += weights[word] * self.words.data[at]
        return scores


def vectors_of(records: Sequence[Record], width: int, d_sae: int) -> Vectors:
    """Gather records that were fetched with all three vectors."""
    dense = np.array([r.dense[DENSE] for r in records], dtype=np.float64).reshape(-1, width)
    latents, words = (_matrix(records, name, n) for name, n in ((LATENTS, d_sae), (WORDS, 2**32)))
    return Vectors([r.id for r in records], dense, latents, words)


def _matrix(records: Sequence[Record], name: str, columns: int) -> sp.csr_array:
    """A sparse vector of each record as a row."""
    empty = SparseVector.of([], [])
    rows = [record.sparse.get(name, empty) for record in records]
    starts = np.cumsum([0, *(len(row) for row in rows)])
    values = np.concatenate([empty.values, *(row.values for row in rows)]).astype(np.float64)
    indices = np.concatenate([empty.indices, *(row.indices for row in rows)]).astype(np.int64)
    return sp.csr_array((values, indices, starts), shape=(len(rows), columns))


@dataclass(frozen=True, slots=True)
class Background:
    """The sample and what follows from it.

    frequency: (d_sae,) share of documents with the latent, never 0. scale: (d_sae,) activation
    that counts as strong (90th percentile where active). mean, spread: (d_sae,) of
    activation / scale. dense_mean: (width,).
    """

    sample: Vectors
    frequency: NDArray[np.float64]
    scale: NDArray[np.float64]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    dense_mean: NDArray[np.float64]

    @property
    def idf(self) -> NDArray[np.float64]:
        """(d_sae,) minus the logarithm of the frequency."""
        return -np.log(self.frequency)


def read_background(index: Index) -> Background:
    """Read the sample and measure it; the catalogue's statistics stand in where it is silent."""
    catalogue = index.bundle.catalogue
    pages = index.documents.scan(payload=False, vectors=(DENSE, LATENTS, WORDS), page=SAMPLE)
    records = next(islice(pages, 1), [])
    d_sae = len(catalogue)
    sample = vectors_of(records, index.bundle.encoder.reader.width, d_sae)
    scale = catalogue.scale.astype(np.float64)
    n = len(sample)
    count = np.bincount(sample.latents.indices, minlength=d_sae)
    prior = np.clip(catalogue.density, 1e-4, 1.0)
    scaled = sample.latents.copy()
    scaled.data /= scale[scaled.indices]
    mean = np.asarray(scaled.sum(axis=0)).reshape(-1) / max(1, n)
    square = np.asarray(scaled.power(2).sum(axis=0)).reshape(-1) / max(1, n)
    return Background(
        sample=sample,
        frequency=(count + prior) / (n + 1),
        scale=scale,
        mean=mean,
        spread=np.sqrt(np.maximum(square - mean**2, 0)),
        dense_mean=sample.dense.sum(axis=0) / max(1, n),
    )
