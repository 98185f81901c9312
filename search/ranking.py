"""From a plan to a ranking: engines propose, double precision decides.

Each source proposes its best documents; every proposed document then gets every source's score,
so the fused score of a document does not depend on which source found it. The first ones are
scored again in double precision from their stored vectors, and ties go to the smaller id: every
engine, and any number of shards, gives the same ranking.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glassdex.indexer.index import DENSE, LATENTS, WORDS, Index
from glassdex.search.background import Vectors, vectors_of
from glassdex.search.plan import Plan, Source
from glassdex.store.filters import Filter, Ids
from glassdex.store.types import Record, Scored, SparseVector

CANDIDATES = 1000
"""Documents that each source proposes, at least."""

EXACT_BELOW = 200_000
"""Up to this many documents the dense source looks at all of them; above, at the engine's graph."""

_MARGIN = 32
_SLACK = 1e-4


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
    found = {source: _propose(index, plan, source, k, where) for source in plan.shares}
    best = _fuse(index, plan, found)[: k + _MARGIN]
    if len(best) > k:
        cut = best[k - 1].score - _SLACK * max(1.0, abs(best[k - 1].score))
        best = [b for b in best if b.score >= cut]
    records = index.documents.get([b.id for b in best], vectors=(DENSE, LATENTS, WORDS))
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


def _propose(
    index: Index, plan: Plan, source: Source, k: int, where: Filter | None
) -> list[Scored]:
    limit = max(CANDIDATES, k + _MARGIN) if len(plan.shares) > 1 else k + _MARGIN
    return _ask(index, plan, source, limit, where)


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


def _fuse(index: Index, plan: Plan, found: Mapping[Source, Sequence[Scored]]) -> list[Scored]:
    """All proposed documents by fused score, every source asked about every one of them."""
    everyone = frozenset(hit.id for hits in found.values() for hit in hits)
    total = dict.fromkeys(everyone, 0.0)
    for source, hits in found.items():
        missing = everyone.difference(hit.id for hit in hits)
        late = _ask(index, plan, source, len(missing), Ids(missing)) if missing else []
        for hit in (*hits, *late):
            total[hit.id] += plan.shares[source] * hit.score
    return sorted((Scored(i, s) for i, s in total.items()), key=lambda hit: (-hit.score, hit.id))
