"""From a request to a plan: the text's own meaning, what is not wanted, feedback, and the user's
last word on single latents."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from glassdex.errors import UsageError
from glassdex.indexer.index import WORDS, Index
from glassdex.search.background import Background
from glassdex.search.feedback import DOCUMENTS, in_common
from glassdex.search.plan import Plan, Source
from glassdex.search.query import QueryVectors, read_query
from glassdex.search.ranking import rank
from glassdex.search.request import Mode, SearchRequest

NEGATIVE = 0.5
"""How much a text that is not wanted counts against the query."""

FEEDBACK = 0.3
"""How much what the first documents have in common counts beside the query."""

SHARES: Mapping[Mode, Mapping[Source, float]] = {
    "hybrid": {"dense": 1.0, "property": 0.5, "bm25": 0.1},
    "property": {"property": 1.0},
    "dense": {"dense": 1.0},
    "bm25": {"bm25": 1.0},
}
"""What a standard deviation of each source's score counts, by mode."""


def make_plan(
    index: Index, background: Background, request: SearchRequest
) -> tuple[Plan, QueryVectors]:
    """The plan, and the query as it was finally meant.

    Raises UsageError on a latent that the SAE does not have.
    """
    _check_latents(request, len(index.bundle.catalogue))
    query = _wanted(index, background, request)
    plan = _plan(index, background, request, query)
    if "property" in SHARES[request.mode] and request.text.strip():
        query = _with_feedback(index, background, request, query, plan)
        plan = _plan(index, background, request, query)
    return plan, query


def _check_latents(request: SearchRequest, d_sae: int) -> None:
    for latent in request.weights:
        if not 0 <= latent < d_sae:
            raise UsageError(f"there is no latent {latent}: this SAE has 0 to {d_sae - 1}")


def _wanted(index: Index, background: Background, request: SearchRequest) -> QueryVectors:
    """The text less the negative texts; all zero for a query by latents alone."""
    width, d_sae = index.bundle.encoder.reader.width, len(index.bundle.catalogue)
    query = QueryVectors(np.zeros(width), np.zeros(d_sae), {})
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


def _with_feedback(
    index: Index, background: Background, request: SearchRequest, query: QueryVectors, plan: Plan
) -> QueryVectors:
    first = rank(index, plan, k=DOCUMENTS, where=request.where).vectors
    if not len(first):
        return query
    common = in_common(first, background)
    return QueryVectors(
        query.dense + FEEDBACK * common.dense,
        (1 - FEEDBACK) * query.latents + FEEDBACK * common.latents,
        query.similarity,
    )


def _plan(
    index: Index, background: Background, request: SearchRequest, query: QueryVectors
) -> Plan:
    """Scale the query: the strongest latent weighs 1, and the user's weights replace theirs."""
    largest = np.abs(query.latents).max(initial=0)
    weights = query.latents / largest if largest > 0 else query.latents.copy()
    for latent, weight in request.weights.items():
        weights[latent] = weight
    plan = Plan(
        shares=SHARES[request.mode],
        dense=_unit(query.dense),
        latents=weights / background.scale,
        words=_words(index, request.text),
    )
    return _balanced(plan, background)


def _balanced(plan: Plan, background: Background) -> Plan:
    """Divide each share by the spread of that source's scores over the sample."""
    if len(plan.shares) == 1:
        return plan
    spread = {s: float(plan.scores(s, background.sample).std()) for s in plan.shares}
    shares = {s: share / spread[s] for s, share in plan.shares.items() if spread[s] > 0}
    return Plan(shares or plan.shares, plan.dense, plan.latents, plan.words)


def _words(index: Index, text: str) -> dict[int, float]:
    indices = index.words.query(text).indices.tolist()
    return dict(zip(indices, index.documents.idf(WORDS, indices).tolist(), strict=True))


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    norm = np.linalg.norm(vector)
    return vector / norm if norm > 0 else vector
