"""Systems under test, and the two that every other has to beat."""

import random
import re
from collections.abc import Iterable
from typing import Protocol

from rank_bm25 import BM25Okapi

from glassdex.errors import InputError
from glassdex.evals.runs import Ranking
from glassdex.indexer.document import Document

_WORD = re.compile(r"\w+")


class System(Protocol):
    """Something that ranks the documents of one retrieval set."""

    @property
    def name(self) -> str:
        """What run files and tables call it."""
        ...

    def rank(self, query: str, k: int) -> Ranking:
        """At most `k` documents with finite scores, the best ones, none named twice."""
        ...


class RandomSystem:
    """Chance: an order that depends on nothing but seed, query and document ids."""

    name = "random"

    def __init__(self, doc_ids: Iterable[str], seed: int = 0) -> None:
        self._doc_ids = sorted(doc_ids)
        self._seed = seed

    def rank(self, query: str, k: int) -> Ranking:
        """Every document has the same chance of every rank."""
        generator = random.Random(f"{self._seed}\x1f{query}")  # noqa: S311 - not a secret
        return best([(doc_id, generator.random()) for doc_id in self._doc_ids], k)


class BM25System:
    """Okapi BM25 over the words of the texts (`words`), as rank-bm25 computes it.

    Robertson et al. 1995, with k1 = 1.5 and b = 0.75; words in more than half of the documents
    get a quarter of the mean inverse document frequency. Holds every document's words.

    Raises InputError when no document has a word.
    """

    name = "bm25"

    def __init__(self, documents: Iterable[Document]) -> None:
        self._doc_ids: list[str] = []
        corpus = []
        for document in documents:
            self._doc_ids.append(document.doc_id)
            corpus.append(words(document.text))
        if not any(corpus):
            raise InputError("no document has a word: BM25 has nothing to rank by")
        self._model = BM25Okapi(corpus)

    def rank(self, query: str, k: int) -> Ranking:
        """Documents by score; those that share no word with the query come last, by id."""
        scores = self._model.get_scores(words(query)).tolist()
        return best(zip(self._doc_ids, scores, strict=True), k)


def words(text: str) -> list[str]:
    """Runs of letters, digits and underscores, case folded: no stemming, no stop words."""
    return _WORD.findall(text.casefold())


def best(pairs: Iterable[tuple[str, float]], k: int) -> list[tuple[str, float]]:
    """The `k` pairs of highest score, ties by ascending id."""
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:k]
