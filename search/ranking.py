"""From a plan to a ranking: engines propose, double precision decides.

Each source proposes its best documents; every proposed document that could be among the first
then gets every source's score, so the fused score of a document does not depend on which source
found it. The first ones are scored again in double precision from their stored vectors, and ties
go to the smaller id: every engine, and any number of shards, gives the same ranking.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glassdex.indexer.index import DENSE, LATENTS, WORDS, Index
from glassdex.sae.workers import ordered_map
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


def rank(
    index: Index, plan: Plan, *, k: int, where: Filter | None = None, payload: bool = True
) -> Ranked:
    """The k best documents of a plan; without their payloads if those are not needed."""
    found = _proposals(index, plan, k, where)
    best = _fuse(index, plan, found, _with_margin(k))[: _with_margin(k)]
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
    """What each source proposes, all asked at the same time."""
    limit = max(CANDIDATES, 2 * k) if len(plan.shares) > 1 else _with_margin(k)
    answers = ordered_map(lambda source: _ask(index, plan, source, limit, where), plan.shares)
    return dict(zip(plan.shares, answers, strict=True))


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


def _fuse(
    index: Index, plan: Plan, found: Mapping[Source, Sequence[Scored]], wanted: int
) -> list[Scored]:
    """The `wanted` proposed documents of the highest fused score, and perhaps some more.

    A document that a source did not propose has at most the score of the last one it did; one
    that has nothing in common with a sparse query has 0 and is never proposed. Sources are
    asked about such documents only where that could bring them among the first.
    """
    points = sorted({hit.id for hits in found.values() for hit in hits})
    if not points:
        return []
    number = {point: n for n, point in enumerate(points)}
    scores = {source: _known(hits, number, source) for source, hits in found.items()}

    def totals(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        parts = [plan.shares[source] * known[rows] for source, (known, _) in scores.items()]
        return np.asarray(np.sum(parts, axis=0))

    everyone = np.arange(len(points))
    most = totals(everyone)
    order = np.argsort(-most, kind="stable")
    asked, done = 0, min(len(points), wanted)
    while asked < done:
        late = {s: [n for n in order[asked:done] if not p[n]] for s, (_, p) in scores.items()}
        answers = ordered_map(
            lambda one: _ask_about(index, plan, one[0], [points[n] for n in one[1]]), late.items()
        )
        for source, hits in zip(late, answers, strict=True):
            known, _ = scores[source]
            known[late[source]] = 0
            for hit in hits:
                known[number[hit.id]] = hit.score
        exact = np.sort(totals(order[:done]))
        cut = exact[-min(wanted, done)]
        asked, done = done, max(done, int(np.count_nonzero(most >= cut)))
    fused = totals(everyone)
    return [
        Scored(points[n], float(fused[n]))
        for n in sorted(order[:done].tolist(), key=lambda n: (-fused[n], points[n]))
    ]


def _known(
    hits: Sequence[Scored], number: Mapping[str, int], source: Source
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A source's score of each of n documents, or the most it can be, and whether it is known."""
    last = hits[-1].score if hits else 0.0
    scores = np.full(len(number), last if source == "dense" else max(0.0, last))
    proposed = np.zeros(len(number), np.bool_)
    rows = [number[hit.id] for hit in hits]
    scores[rows], proposed[rows] = [hit.score for hit in hits], True
    return scores, proposed


def _ask_about(index: Index, plan: Plan, source: Source, points: Sequence[str]) -> Sequence[Scored]:
    """The scores of some documents; one without anything in common with the query is left out."""
    if not points:
        return []
    return _ask(index, plan, source, len(points), Ids(frozenset(points)))
