"""From a plan to a ranking: engines propose, double precision decides.

Each source proposes its best documents; every proposed document that could be among the first
then gets every source's score, so the fused score of a document does not depend on which source
found it. The first ones are scored again in double precision from their stored vectors, and ties
go to the smaller id: every engine, and any number of shards, gives the same ranking.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glassdex.indexer.index import DENSE, LATENTS, WORDS, Index
from glassdex.search.background import Vectors, vectors_of
from glassdex.search.plan import Plan, Source
from glassdex.store.filters import Filter, Ids
from glassdex.store.types import Record, Scored, SparseVector

CANDIDATES = 100
"""Documents that each of several sources proposes, at least; twice as many as are asked for."""

EXACT_BELOW = 200_000
"""Up to this many documents the dense source looks at all of them; above, at the engine's graph."""

_SLACK = 1e-3
"""How far an engine's score may be off, as a share: it rounds a query to half precision where the
vectors are."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """The first documents, best first, with all that is needed to explain them.

    scores: (n,) float64 fused. by_source: each source's own (n,) scores. ranks: each source's
    rank of the documents it proposed, from 1.
    """

    records: Sequence[Record]
    vectors: Vectors
    scores: NDArray[np.float64]
    by_source: Mapping[Source, NDArray[np.float64]]
    ranks: Mapping[Source, Mapping[str, int]]


def rank(index: Index, plan: Plan, *, k: int, where: Filter | None = None) -> Ranked:
    """The k best documents of a plan."""
    found = _proposals(index, plan, k, where)
    return _settle(index, plan, found, _fuse(index, plan, found, _with_margin(k)), k, payload=True)


def rank_roughly(index: Index, plan: Plan, *, k: int, where: Filter | None = None) -> Ranked:
    """About the k best documents, without payloads: for feedback, in half the time of `rank`.

    What a source did not propose counts as its last proposal when documents are chosen; the
    chosen ones have their own scores.
    """
    found = _proposals(index, plan, k, where)
    return _settle(index, plan, found, _Candidates.of(found).at_most(plan), k, payload=False)


def _settle(
    index: Index,
    plan: Plan,
    found: Mapping[Source, Sequence[Scored]],
    best: Sequence[Scored],
    k: int,
    *,
    payload: bool,
) -> Ranked:
    """The k best of some more, scored in double precision from their stored vectors."""
    best = best[: _with_margin(k)]
    if len(best) > k:
        cut = best[k - 1].score - _SLACK * max(1.0, abs(best[k - 1].score))
        best = [b for b in best if b.score >= cut]
    ids = [hit.id for hit in best]
    records = index.documents.get(ids, payload=payload, vectors=(DENSE, LATENTS, WORDS))
    vectors = vectors_of(records, index.bundle.encoder.reader.width, len(index.bundle.catalogue))
    by_source = {source: plan.scores(source, vectors) for source in plan.shares}
    scores = sum(
        (plan.shares[s] * own for s, own in by_source.items()), start=np.zeros(len(records))
    )
    order = np.array(
        sorted(range(len(records)), key=lambda i: (-scores[i], records[i].id))[:k], int
    )
    return Ranked(
        records=[records[i] for i in order],
        vectors=vectors[order],
        scores=scores[order],
        by_source={source: own[order] for source, own in by_source.items()},
        ranks={s: {hit.id: n for n, hit in enumerate(hits, 1)} for s, hits in found.items()},
    )


def _with_margin(k: int) -> int:
    """Documents to look at closely so that the first k are among them."""
    return k + 8 + k // 4


def _proposals(
    index: Index, plan: Plan, k: int, where: Filter | None
) -> dict[Source, list[Scored]]:
    """What each source proposes. One after the other: the embedded engine is not left to other
    threads while it searches, and taking turns costs more than it saves."""
    limit = max(CANDIDATES, 2 * k) if len(plan.shares) > 1 else _with_margin(k)
    return {source: _ask(index, plan, source, limit, where) for source in plan.shares}


def _ask(
    index: Index, plan: Plan, source: Source, limit: int, where: Filter | None
) -> list[Scored]:
    store = index.documents
    if source == "dense":
        query = plan.dense.astype(np.float32)
        exact = where is not None or store.count() <= EXACT_BELOW
        return store.search_dense(DENSE, query, limit=limit, where=where, exact=exact)
    if source == "property":
        return store.search_sparse(LATENTS, plan.latent_query, limit=limit, where=where)
    words = SparseVector.of(list(plan.words), np.ones(len(plan.words)))
    return store.search_sparse(WORDS, words, limit=limit, where=where)


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Every document that some source proposed.

    points: (n,) ids, ascending. known: each source's (n,) scores, or the most they can be.
    proposed: (n,) whether the source proposed it, so that its score is known.
    """

    points: Sequence[str]
    known: Mapping[Source, NDArray[np.float64]]
    proposed: Mapping[Source, NDArray[np.bool_]]

    @classmethod
    def of(cls, found: Mapping[Source, Sequence[Scored]]) -> "_Candidates":
        points = sorted({hit.id for hits in found.values() for hit in hits})
        number = {point: n for n, point in enumerate(points)}
        known, proposed = {}, {}
        for source, hits in found.items():
            last = hits[-1].score if hits else 0.0
            # What has nothing in common with a sparse query scores 0 and is never proposed.
            known[source] = np.full(len(points), last if source == "dense" else max(0.0, last))
            proposed[source] = np.zeros(len(points), np.bool_)
            rows = [number[hit.id] for hit in hits]
            known[source][rows] = [hit.score for hit in hits]
            proposed[source][rows] = True
        return cls(points, known, proposed)

    def totals(self, plan: Plan) -> NDArray[np.float64]:
        """(n,) fused scores, as far as they are known; the most they can be."""
        parts = [plan.shares[source] * known for source, known in self.known.items()]
        return np.asarray(np.sum(parts, axis=0))

    def learn(self, source: Source, rows: Sequence[int], hits: Sequence[Scored]) -> None:
        """Take down a source's scores of some documents; those without a hit score 0."""
        score = {hit.id: hit.score for hit in hits}
        self.known[source][rows] = [score.get(self.points[n], 0.0) for n in rows]

    def at_most(self, plan: Plan) -> list[Scored]:
        """All of them by the most they can score."""
        return self.ranked(self.totals(plan), range(len(self.points)))

    def ranked(self, scores: NDArray[np.float64], rows: Iterable[int]) -> list[Scored]:
        """Some of them by their scores, ties by id."""
        order = sorted(rows, key=lambda n: (-scores[n], self.points[n]))
        return [Scored(self.points[n], float(scores[n])) for n in order]


def _fuse(
    index: Index, plan: Plan, found: Mapping[Source, Sequence[Scored]], wanted: int
) -> list[Scored]:
    """The `wanted` proposed documents of the highest fused score, and perhaps some more.

    A source is asked about a document that it did not propose only where that could bring it
    among the first.
    """
    candidates = _Candidates.of(found)
    if not candidates.points:
        return []
    most = candidates.totals(plan)
    order = np.argsort(-most, kind="stable")
    asked, done = 0, min(len(order), wanted)
    while asked < done:
        for source, proposed in candidates.proposed.items():
            late = [n for n in order[asked:done].tolist() if not proposed[n]]
            hits = _ask_about(index, plan, source, [candidates.points[n] for n in late])
            candidates.learn(source, late, hits)
        exact = np.sort(candidates.totals(plan)[order[:done]])
        cut = exact[-min(wanted, done)]
        asked, done = done, max(done, int(np.count_nonzero(most >= cut)))
    return candidates.ranked(candidates.totals(plan), order[:done].tolist())


def _ask_about(index: Index, plan: Plan, source: Source, points: Sequence[str]) -> Sequence[Scored]:
    """The scores of some documents; one without anything in common with the query is left out."""
    if not points:
        return []
    return _ask(index, plan, source, len(points), Ids(frozenset(points)))
