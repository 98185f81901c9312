"""What a search answers: hits whose scores are the sum of what is shown behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from glassdex.search.property import KnownProperty
from glassdex.search.request import Mode
from glassdex.store.types import Payload


@dataclass(frozen=True, slots=True)
class LatentWeight:
    """A latent of the query. `weight` counts per unit of activation / scale, `scale` being the
    90th percentile of the latent's activation; `similarity` is the cosine of its meaning to
    the query, None without a text."""

    id: int
    label: str
    weight: float
    similarity: float | None

    def to_json(self) -> dict[str, Any]:
        """The contract of `latents` in a search's answer."""
        return {
            "id": self.id,
            "label": self.label,
            "weight": self.weight,
            "similarity": self.similarity,
        }


@dataclass(frozen=True, slots=True)
class SourceScore:
    """One source's opinion of a document: its own score, its rank by that score among the
    documents considered (from 1; None where the source did not find it), and what it adds."""

    score: float
    rank: int | None
    contribution: float

    def to_json(self) -> dict[str, Any]:
        """The contract of `sources` in a hit."""
        return {"score": self.score, "rank": self.rank, "contribution": self.contribution}


@dataclass(frozen=True, slots=True)
class LatentContribution:
    """A latent's part in a hit: activation in the document, and what that adds to the score."""

    id: int
    label: str
    activation: float
    contribution: float

    def to_json(self) -> dict[str, Any]:
        """The contract of `latents` in a hit."""
        return {
            "id": self.id,
            "label": self.label,
            "activation": self.activation,
            "contribution": self.contribution,
        }


@dataclass(frozen=True, slots=True)
class Evidence:
    """Characters [start, end) of a hit's text where a latent is active."""

    start: int
    end: int
    latent: int
    activation: float

    def to_json(self) -> dict[str, Any]:
        """The contract of `spans` in a hit."""
        return {
            "start": self.start,
            "end": self.end,
            "latent": self.latent,
            "activation": self.activation,
        }


@dataclass(frozen=True, slots=True)
class Hit:
    """A document. score = sum of the sources' contributions; the contribution of `property`
    = sum of the latents' contributions."""

    id: str
    score: float
    payload: Payload
    sources: Mapping[str, SourceScore]
    latents: Sequence[LatentContribution]
    spans: Sequence[Evidence] = ()

    def to_json(self) -> dict[str, Any]:
        """The contract of a hit; `id` is the point's id, `doc_id` the document's own."""
        return {
            "id": self.id,
            "score": self.score,
            "text": self.payload["text"],
            "dataset": self.payload["dataset"],
            "doc_id": self.payload["doc_id"],
            "field": self.payload["field"],
            "metadata": self.payload.get("metadata", {}),
            "sources": {name: source.to_json() for name, source in self.sources.items()},
            "latents": [latent.to_json() for latent in self.latents],
            "spans": [span.to_json() for span in self.spans],
        }


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits, best first, the latents that were asked for, strongest first, and what the property
    bank made of the query (None where it was not asked)."""

    query: str
    mode: Mode
    latents: Sequence[LatentWeight]
    hits: Sequence[Hit]
    known: KnownProperty | None = None

    def to_json(self) -> dict[str, Any]:
        """The contract of `glassdex search --json`."""
        return {
            "query": self.query,
            "mode": self.mode,
            "bank": self.known.to_json() if self.known is not None else None,
            "latents": [latent.to_json() for latent in self.latents],
            "hits": [hit.to_json() for hit in self.hits],
            "usage": {},
        }
