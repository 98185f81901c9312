"""From a request to a plan: the text's own meaning, what is not wanted, feedback, and the user's
last word on single latents.

Every part is measured in standard deviations of its scores over the corpus sample before it is
weighed, so that the constants below mean the same on every corpus.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glassdex.errors import UsageError
from glassdex.indexer.index import WORDS, Index
from glassdex.search.background import Background
from glassdex.search.feedback import in_common
from glassdex.search.plan import Plan, Source
from glassdex.search.property import KnownProperty, PropertyMap
from glassdex.search.query import QueryVectors, read_query
from glassdex.search.ranking import rank_roughly
from glassdex.search.request import SearchRequest

NEGATIVE = 0.5
"""How much a text that is not wanted counts against the query."""

BANK = 1.0
"""How much what the property bank knows counts beside the query, where it covers it."""

BANK_LATENTS = 2.0
"""How much more that counts in latents than in embeddings."""

FEEDBACK = (0.5, 1.0)
"""How much what the first documents have in common counts beside the query: where the bank does
not cover it, and where it does, so that the first documents are more often right."""

FEEDBACK_LATENTS = 2.5
"""How much more that counts in latents than in embeddings."""

FEEDBACK_DOCUMENTS = 20
"""How many documents are the first ones, in a corpus of 400 and more; a twentieth of less."""

LATENTS = 256
"""Latents a query weighs at most, the strongest. Few documents keep all of their latents, so that
with 64 many have none in common with the query, and no rank."""

HYBRID: dict[Source, float] = {"dense": 1.0, "property": 0.5, "bm25": 0.1}
"""What a standard deviation of each source counts in hybrid search."""


class Planned(NamedTuple):
    """A plan, the text as it was read, and what the property bank makes of it (None where it was
    not asked)."""

    plan: Plan
    query: QueryVectors
    known: KnownProperty | None = None


@dataclass(frozen=True, slots=True)
class _Directions:
    """Linear functions of a document, in standard deviations: (width,) float64 on its embedding
    and (d_sae,) float64 on its latents' activation / scale; zero where there is none."""

    dense: NDArray[np.float64]
    latents: NDArray[np.float64]

    def plus(self, other: "_Directions", dense: float, latents: float) -> "_Directions":
        return _Directions(self.dense + dense * other.dense, self.latents + latents * other.latents)


def make_plan(
    index: Index,
    background: Background,
    request: SearchRequest,
    properties: PropertyMap | None = None,
) -> Planned:
    """The plan of a request; `properties` is what the bank knows.

    Raises UsageError on a latent that the SAE does not have.
    """
    _check_latents(request, len(index.bundle.catalogue))
    if request.mode == "bm25":
        return Planned(Plan({"bm25": 1.0}, words=_words(index, request.text)), _nothing(index))
    query = _wanted(index, background, request)
    if request.mode == "dense":
        return Planned(Plan({"dense": 1.0}, dense=_unit(query.dense)), query)
    directions = _standardised(background, query.dense, query.latents)
    known = None
    if request.text.strip():
        if properties is not None:
            known = properties.look_up(_unit(query.dense))
        directions = _with_bank(background, directions, known)
        words = _words(index, request.text)
        first = _hybrid(background, request, directions, words)
        directions = _with_feedback(index, background, request, directions, first, known)
        if request.mode == "hybrid":
            return Planned(_hybrid(background, request, directions, words), query, known)
    weights, _ = _weights(directions, request)
    plan = Plan({"property": 1.0}, latents=weights / background.scale)
    return Planned(plan, query, known)


def _with_bank(
    background: Background, directions: _Directions, known: KnownProperty | None
) -> _Directions:
    """With what the bank knows, as far as it covers the query."""
    if known is None:
        return directions
    other = _standardised(background, known.dense, known.latents)
    share = BANK * known.coverage
    return directions.plus(other, share, BANK_LATENTS * share)


def _with_feedback(
    index: Index,
    background: Background,
    request: SearchRequest,
    directions: _Directions,
    plan: Plan,
    known: KnownProperty | None,
) -> _Directions:
    """With what the first documents of a plan have in common; more where the bank is sure."""
    first = _first_documents(index, background, request, plan)
    low, high = FEEDBACK
    share = low + (high - low) * (known.coverage if known is not None else 0.0)
    return directions.plus(first, share, FEEDBACK_LATENTS * share)


def _check_latents(request: SearchRequest, d_sae: int) -> None:
    for latent in request.weights:
        if not 0 <= latent < d_sae:
            raise UsageError(f"there is no latent {latent}: this SAE has 0 to {d_sae - 1}")


def _wanted(index: Index, background: Background, request: SearchRequest) -> QueryVectors:
    """The text less the negative texts; all zero for a query by latents alone."""
    query = _nothing(index)
    if request.text.strip():
        query = read_query(index, background, request.text)
    for text in request.negatives:
        unwanted = read_query(index, background, text)
        query = QueryVectors(
            query.dense - NEGATIVE * unwanted.dense,
            query.latents - NEGATIVE * unwanted.latents,
            query.similarity,
        )
    return query


def _nothing(index: Index) -> QueryVectors:
    width, d_sae = index.bundle.encoder.reader.width, len(index.bundle.catalogue)
    return QueryVectors(np.zeros(width), np.zeros(d_sae), {})


def _first_documents(
    index: Index, background: Background, request: SearchRequest, plan: Plan
) -> _Directions:
    """What the first documents of a ranking have in common."""
    k = min(FEEDBACK_DOCUMENTS, 1 + len(background.sample) // 20)
    first = rank_roughly(index, plan, k=k, where=request.where)
    common = in_common(first.vectors, background)
    return _standardised(background, common.dense, common.latents)


def _standardised(
    background: Background, dense: NDArray[np.float64], latents: NDArray[np.float64]
) -> _Directions:
    sample = background.sample
    plan = Plan({}, dense=dense, latents=latents / background.scale)
    return _Directions(
        dense / _spread(plan.scores("dense", sample)),
        latents / _spread(plan.scores("property", sample)),
    )


def _spread(scores: NDArray[np.float64]) -> float:
    """Standard deviation, or 1 where nothing varies."""
    return float(scores.std()) if len(scores) and scores.std() > 0 else 1.0


def _hybrid(
    background: Background,
    request: SearchRequest,
    directions: _Directions,
    words: Mapping[int, float],
) -> Plan:
    weights, largest = _weights(directions, request)
    shares: dict[Source, float] = {
        "dense": HYBRID["dense"] * float(np.linalg.norm(directions.dense)),
        "property": HYBRID["property"] * largest,
    }
    if words:
        shares["bm25"] = HYBRID["bm25"] / _word_spread(background, words)
    return Plan(shares, _unit(directions.dense), weights / background.scale, words)


def _weights(directions: _Directions, request: SearchRequest) -> tuple[NDArray[np.float64], float]:
    """The strongest latent weighs 1, and the user's weights replace theirs; also that scale."""
    strength = np.abs(directions.latents)
    largest = float(strength.max(initial=0)) or 1.0
    weights = directions.latents / largest
    weights[np.argsort(-strength, kind="stable")[LATENTS:]] = 0
    for latent, weight in request.weights.items():
        weights[latent] = weight
    return weights, largest


def _word_spread(background: Background, words: Mapping[int, float]) -> float:
    """At least that of words which a single document of the sample has: the sample of a large
    corpus often has none, and rare words must not become infinitely strong."""
    scores = background.sample.word_scores(words)
    rarest = sum(words.values()) / max(1, len(scores)) ** 0.5
    return max(float(scores.std()) if len(scores) else 0.0, float(rarest))


def _words(index: Index, text: str) -> dict[int, float]:
    """The query's words that occur in the corpus, with their inverse document frequencies."""
    indices = index.words.query(text).indices.tolist()
    idf = index.documents.idf(WORDS, indices).tolist()
    return {word: weight for word, weight in zip(indices, idf, strict=True) if weight > 0}


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    norm = np.linalg.norm(vector)
    return vector / norm if norm > 0 else vector
