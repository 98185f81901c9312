"""Search: a request becomes a plan, the plan a ranking, the ranking hits with their reasons."""

from functools import cached_property

import numpy as np

from glassdex.indexer.index import Index
from glassdex.search.background import Background, read_background
from glassdex.search.explain import explain, with_spans
from glassdex.search.plan import Plan
from glassdex.search.planning import make_plan
from glassdex.search.property import PropertyMap
from glassdex.search.query import QueryVectors
from glassdex.search.ranking import rank
from glassdex.search.request import SearchRequest
from glassdex.search.result import LatentWeight, SearchResult


class Searcher:
    """Answers requests on one open index; the corpus sample is read once, when it is made."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.background: Background = read_background(index)

    @cached_property
    def properties(self) -> PropertyMap | None:
        """What the property bank knows, if it has been read with this SAE."""
        bank = self.index.bundle.bank
        return PropertyMap(bank) if bank is not None else None

    def search(self, request: SearchRequest, *, spans: bool = True) -> SearchResult:
        """The best documents with all that is behind their scores.

        `spans=False` leaves out where in the texts the latents are active, which takes a second
        reading of every hit. Raises UsageError on a latent that the SAE does not have.
        """
        plan, query, known = make_plan(self.index, self.background, request, self.properties)
        ranked = rank(self.index, plan, k=request.k, where=request.where)
        hits = explain(plan, ranked, self.index.bundle.catalogue)
        if spans:
            hits = with_spans(self.index.bundle.encoder, hits)
        latents = self._latents(plan, query) if "property" in plan.shares else []
        return SearchResult(request.text, request.mode, latents, hits, known)

    def ranking(self, request: SearchRequest) -> list[tuple[str, float]]:
        """Document ids (the documents' own) and scores alone: what an evaluation needs."""
        plan = make_plan(self.index, self.background, request, self.properties).plan
        ranked = rank(self.index, plan, k=request.k, where=request.where)
        ids = [record.payload["doc_id"] for record in ranked.records]
        return list(zip(ids, ranked.scores.tolist(), strict=True))

    def _latents(self, plan: Plan, query: QueryVectors) -> list[LatentWeight]:
        weights = np.round(plan.latents * self.background.scale, 12)
        order = np.argsort(-np.abs(weights), kind="stable")
        active = order[weights[order] != 0].tolist()
        name = self.index.bundle.catalogue.name
        return [
            LatentWeight(n, name(n), float(weights[n]), query.similarity.get(n)) for n in active
        ]
