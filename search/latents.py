"""The latents themselves: found by meaning, and looked at one by one on the user's own corpus."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassdex.errors import UsageError
from glassdex.indexer.index import LATENTS, Index
from glassdex.sae.catalogue import Label
from glassdex.search.query import similar_latents
from glassdex.search.result import Evidence
from glassdex.store.types import SparseVector

POSTINGS = 100_000
"""Documents of one latent that are counted and drawn, strongest first."""

_BINS = 20
_NEIGHBOURS = 8
_CO_ACTIVE_DOCUMENTS = 500


@dataclass(frozen=True, slots=True)
class LatentSummary:
    """A line of the catalogue; statistics are those the SAE was described with. `similarity` is
    the cosine to the text asked for, None without one."""

    id: int
    label: str
    score: float | None
    density: float
    maximum: float
    p90: float
    similarity: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The contract of `glassdex latents --json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LatentPassage:
    """A document in which the latent is strong, and where."""

    id: str
    doc_id: str
    text: str
    dataset: str
    activation: float
    spans: Sequence[Evidence]

    def to_json(self) -> dict[str, Any]:
        """One entry of `passages`."""
        return {
            "id": self.id,
            "doc_id": self.doc_id,
            "text": self.text,
            "dataset": self.dataset,
            "activation": self.activation,
            "spans": [span.to_json() for span in self.spans],
        }


@dataclass(frozen=True, slots=True)
class Histogram:
    """counts: (n,) documents whose activation lies between edges[i] and edges[i + 1]."""

    edges: Sequence[float]
    counts: Sequence[int]


@dataclass(frozen=True, slots=True)
class CoActive:
    """A latent that is active where this one is. `share` of this one's strongest documents have
    it; `lift` is that share over its share in the SAE's own corpus."""

    id: int
    label: str
    share: float
    lift: float


@dataclass(frozen=True, slots=True)
class LatentPage:
    """All that is known of a latent. documents: how many of this index have it, `density` their
    share; both counted up to POSTINGS documents."""

    summary: LatentSummary
    labels: Sequence[Label]
    documents: int
    density: float
    histogram: Histogram
    passages: Sequence[LatentPassage]
    neighbours: Sequence[LatentSummary]
    co_active: Sequence[CoActive]

    def to_json(self) -> dict[str, Any]:
        """The contract of `glassdex latent --json`."""
        return {
            **self.summary.to_json(),
            "labels": [asdict(label) for label in self.labels],
            "documents": self.documents,
            "index_density": self.density,
            "histogram": asdict(self.histogram),
            "passages": [passage.to_json() for passage in self.passages],
            "neighbours": [neighbour.to_json() for neighbour in self.neighbours],
            "co_active": [asdict(other) for other in self.co_active],
        }


def find_latents(index: Index, text: str, k: int) -> list[LatentSummary]:
    """The k latents nearest in meaning to a text, or the k most frequent ones without a text."""
    if text.strip():
        vector = index.bundle.encoder.encode_query(text).dense[0]
        near = similar_latents(index, vector, k)
        return [summarise(index, latent, cosine) for latent, cosine in near.items()]
    order = np.argsort(-index.bundle.catalogue.density, kind="stable")[:k]
    return [summarise(index, latent) for latent in order.tolist()]


def summarise(index: Index, latent: int, similarity: float | None = None) -> LatentSummary:
    """What the catalogue says of one latent."""
    catalogue = index.bundle.catalogue
    labels = catalogue.labels[latent]
    return LatentSummary(
        id=latent,
        label=catalogue.name(latent),
        score=labels[0].score if labels else None,
        density=float(catalogue.density[latent]),
        maximum=float(catalogue.maximum[latent]),
        p90=float(catalogue.p90[latent]),
        similarity=similarity,
    )


def inspect_latent(index: Index, latent: int, k: int) -> LatentPage:
    """Look at one latent on the documents of this index.

    Raises UsageError when the SAE has no such latent.
    """
    catalogue = index.bundle.catalogue
    if not 0 <= latent < len(catalogue):
        raise UsageError(f"there is no latent {latent}: this SAE has 0 to {len(catalogue) - 1}")
    # A query of one latent with weight 1 is that latent's posting list, strongest first.
    one = SparseVector.of([latent], [1.0])
    postings = index.documents.search_sparse(LATENTS, one, limit=POSTINGS)
    activations = np.array([hit.score for hit in postings])
    return LatentPage(
        summary=summarise(index, latent),
        labels=catalogue.labels[latent],
        documents=len(postings),
        density=len(postings) / max(1, index.documents.count()),
        histogram=_histogram(activations),
        passages=_passages(index, latent, [hit.id for hit in postings[:k]], activations),
        neighbours=_neighbours(index, latent),
        co_active=_co_active(index, latent, [h.id for h in postings[:_CO_ACTIVE_DOCUMENTS]]),
    )


def _histogram(activations: NDArray[np.float64]) -> Histogram:
    if not len(activations):
        return Histogram([], [])
    counts, edges = np.histogram(activations, bins=_BINS, range=(0.0, float(activations.max())))
    return Histogram(edges.tolist(), counts.tolist())


def _passages(
    index: Index, latent: int, ids: Sequence[str], activations: NDArray[np.float64]
) -> list[LatentPassage]:
    records = index.documents.get(ids)
    found = index.bundle.encoder.spans([r.payload["text"] for r in records], [latent])
    return [
        LatentPassage(
            id=record.id,
            doc_id=record.payload["doc_id"],
            text=record.payload["text"],
            dataset=record.payload["dataset"],
            activation=float(activation),
            spans=[Evidence(s.start, s.stop, latent, s.activation) for s in spans[0]],
        )
        for record, spans, activation in zip(records, found, activations, strict=False)
    ]


def _neighbours(index: Index, latent: int) -> list[LatentSummary]:
    """Latents of the nearest meaning."""
    vector = index.bundle.catalogue.vectors[latent]
    if not vector.any():
        return []
    near = similar_latents(index, vector, _NEIGHBOURS + 1)
    return [summarise(index, n, cosine) for n, cosine in near.items() if n != latent][:_NEIGHBOURS]


def _co_active(index: Index, latent: int, ids: Sequence[str]) -> list[CoActive]:
    """Latents that are much more frequent in these documents than elsewhere."""
    catalogue = index.bundle.catalogue
    records = index.documents.get(ids, payload=False, vectors=(LATENTS,))
    count = np.zeros(len(catalogue))
    for record in records:
        count[record.sparse[LATENTS].indices] += 1
    count[latent] = 0
    share = count / max(1, len(records))
    lift = share / np.maximum(catalogue.density, 1 / 1000)
    # A latent in two documents says nothing; among the rest, how much more often than usual.
    strength = np.where(
        count >= max(3, 0.05 * len(records)), share * np.log(np.maximum(lift, 1)), 0
    )
    order = np.argsort(-strength, kind="stable")[:_NEIGHBOURS]
    return [
        CoActive(n, catalogue.name(n), float(share[n]), float(lift[n]))
        for n in order.tolist()
        if strength[n] > 0
    ]
