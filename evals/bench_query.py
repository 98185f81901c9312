"""Queries: a search in each mode, beside reading the query, which each of them does first."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle
from uuid import uuid5

import numpy as np
from numpy.typing import NDArray

from glassdex.evals.bench import BenchRow, BenchSetup, Target, compared, timed
from glassdex.indexer.document import NAMESPACE, Document
from glassdex.indexer.index import DENSE, LATENTS, WORDS, Index
from glassdex.indexer.run import index_documents
from glassdex.search.request import MODES, Mode, SearchRequest
from glassdex.search.searcher import Searcher
from glassdex.store.types import Point, Record, SparseVector

READING = "reading the query"

_TARGETS: dict[Mode, Target] = {
    "hybrid": Target(2.0, at_most=True),
    "property": Target(1.5, at_most=True),
}

_KEPT = 0.8
"""Share of a document's latents that one made from it has."""

_NOISE = 0.5
"""Length of what is added to its embedding, before that has length 1 again."""

_BATCH = 1000
_WORDS = 8
_WARM = 3


def bench_query(setup: BenchSetup) -> list[BenchRow]:
    """Median milliseconds of a search for 10 hits without spans; every query is a new one."""
    stored, asked = setup.size.stored, setup.size.asked
    setup.say(f"filling an index with {stored:,} documents")
    with Index.open_or_create(setup.settings, "query", sae=setup.sae) as index:
        documents = list(setup.corpus.documents(setup.size.varied))
        fill(index, documents[:stored], stored)
        setup.say(f"asking {asked:,} queries in each mode")
        medians = _medians(index, queries([d.text for d in documents]), asked)
    rows = []
    for mode in MODES:
        references = [(READING, medians[READING], _TARGETS.get(mode))]
        rows += compared("query", f"{stored:,} documents, {mode}", medians[mode], "ms", references)
    return rows


def fill(index: Index, documents: Sequence[Document], n: int) -> None:
    """Index documents, and add points like theirs until there are n; no two are alike."""
    index_documents(index, documents)
    pages = index.documents.scan(vectors=(DENSE, LATENTS, WORDS), page=_BATCH)
    originals = [record for page in pages for record in page]
    generator = np.random.default_rng(0)
    for start in range(len(originals), n, _BATCH):
        numbers = range(start, min(start + _BATCH, n))
        points = [_varied(originals[i % len(originals)], i, generator) for i in numbers]
        index.documents.upsert(points)
    index.documents.optimize()
    index.documents.flush()


def queries(texts: Sequence[str]) -> Iterator[str]:
    """Pieces of some words, from one text after the other; none twice before all were seen."""
    pieces = {
        " ".join(words[start : start + _WORDS]): start
        for words in map(str.split, texts)
        for start in range(max(1, len(words) - _WORDS + 1))
    }
    # Neighbouring pieces overlap: first come all texts' beginnings, then what follows.
    return cycle(sorted(pieces, key=pieces.__getitem__))


def _medians(index: Index, texts: Iterator[str], n: int) -> dict[str, float]:
    """Milliseconds, of reading a query and of each mode, taking turns."""
    searcher = Searcher(index)

    def search(mode: Mode, text: str) -> None:
        searcher.search(SearchRequest(text, mode=mode), spans=False)

    acts: dict[str, Callable[[str], object]] = {READING: index.bundle.encoder.encode_query}
    acts |= {mode: partial(search, mode) for mode in MODES}
    spent: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(_WARM + n):
        for name, act in acts.items():
            spent[name].append(timed(partial(act, next(texts)))())
    return {name: 1000 * statistics.median(seconds[_WARM:]) for name, seconds in spent.items()}


def _varied(original: Record, number: int, generator: np.random.Generator) -> Point:
    """A document of its own, with nearly the vectors of another and all of its words."""
    latents = original.sparse.get(LATENTS, SparseVector.of([], []))
    kept = generator.random(len(latents)) < _KEPT
    values = latents.values[kept] * generator.uniform(0.5, 1.5, int(kept.sum()))
    doc_id = f"{original.payload['doc_id']}-{number}"
    return Point(
        id=str(uuid5(NAMESPACE, f"bench\x1f{doc_id}")),
        payload={**original.payload, "doc_id": doc_id},
        dense={DENSE: _near(original.dense[DENSE], generator)},
        sparse={**original.sparse, LATENTS: SparseVector.of(latents.indices[kept], values)},
    )


def _near(unit: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
    """Another vector of length 1."""
    noise = generator.standard_normal(len(unit))
    moved = unit + _NOISE * noise / np.linalg.norm(noise)
    return np.asarray(moved / np.linalg.norm(moved), np.float32)
