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
    """Vectors of n documents, as stored.

    dense: (n, width) float32. latents: (n, d_sae) float32 CSR. words: n sparse vectors.
    """

    ids: Sequence[str]
    dense: NDArray[np.float32]
    latents: sp.csr_array
    words: Sequence[SparseVector]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: NDArray[np.int64]) -> "Vectors":
        return Vectors(
            [self.ids[i] for i in rows],
            self.dense[rows],
            self.latents[rows],
            [self.words[i] for i in rows],
        )

    def word_scores(self, weights: Mapping[int, float]) -> NDArray[np.float64]:
        """(n,) sum over words of weight times the document's value."""
        return np.array(
            [sum(weights.get(i, 0.0) * v for i, v in w.as_dict().items()) for w in self.words]
        )


def vectors_of(records: Sequence[Record], width: int, d_sae: int) -> Vectors:
    """Gather records that were fetched with all three vectors."""
    empty = SparseVector.of([], [])
    latents = [r.sparse.get(LATENTS, empty) for r in records]
    counts = np.array([0, *(len(v) for v in latents)])
    data = [v.values for v in latents] or [empty.values]
    columns = [v.indices for v in latents] or [empty.indices]
    matrix = sp.csr_array(
        (np.concatenate(data), np.concatenate(columns).astype(np.int32), counts.cumsum()),
        shape=(len(records), d_sae),
    )
    dense = np.array([r.dense[DENSE] for r in records], dtype=np.float32).reshape(-1, width)
    words = [r.sparse.get(WORDS, empty) for r in records]
    return Vectors([r.id for r in records], dense, matrix, words)


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
    scale = np.where(catalogue.p90 > 0, catalogue.p90, 1.0).astype(np.float64)
    n = len(sample)
    count = np.bincount(sample.latents.indices, minlength=d_sae)
    prior = np.clip(catalogue.density, 1e-4, 1.0)
    scaled = sample.latents.astype(np.float64)
    scaled.data /= scale[scaled.indices]
    mean = np.asarray(scaled.sum(axis=0)).reshape(-1) / max(1, n)
    square = np.asarray(scaled.power(2).sum(axis=0)).reshape(-1) / max(1, n)
    return Background(
        sample=sample,
        frequency=(count + prior) / (n + 1),
        scale=scale,
        mean=mean,
        spread=np.sqrt(np.maximum(square - mean**2, 0)),
        dense_mean=sample.dense.astype(np.float64).sum(axis=0) / max(1, n),
    )
