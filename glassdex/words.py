"""Words as a sparse vector: the document's half of BM25, ready for an engine that knows IDF."""

from dataclasses import dataclass
from functools import cached_property

from qdrant_edge import Bm25, Bm25Config
from qdrant_edge import SparseVector as EdgeVector

from glassdex.store.types import SparseVector


@dataclass(frozen=True)
class WordEncoder:
    """BM25 term weights over stemmed English words without stop words.

    Term frequency f in a text of `length` words becomes f (k + 1) / (f + k (1 - b + b length /
    average_length)); the store multiplies by inverse document frequency. The average is a
    setting, not a measurement, so that a document's vector does not depend on its neighbours.
    """

    average_length: float = 64.0
    """Words of a typical document, stop words not counted."""
    k: float = 1.2
    b: float = 0.75

    @cached_property
    def _model(self) -> Bm25:
        return Bm25(Bm25Config(k=self.k, b=self.b, avg_len=self.average_length))

    def document(self, text: str) -> SparseVector:
        """Weights of a document's words; empty when it has none but stop words."""
        return _sparse(self._model.embed_document(text))

    def query(self, text: str) -> SparseVector:
        """Weight 1 for each distinct word."""
        return _sparse(self._model.embed_query(text))

    def describe(self) -> dict[str, float | str]:
        """All that fixes the meaning of these vectors, for the fingerprint."""
        return {
            "words": "qdrant-bm25-english",
            "words_average_length": self.average_length,
            "words_k": self.k,
            "words_b": self.b,
        }


def _sparse(vector: EdgeVector) -> SparseVector:
    return SparseVector.of(vector.indices, vector.values)
