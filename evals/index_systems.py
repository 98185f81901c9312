"""glassdex's own search as systems under test: one index per retrieval set, one system per mode."""

from collections.abc import Sequence
from pathlib import Path

from glassdex.evals.beir import BeirSet
from glassdex.evals.runs import Ranking
from glassdex.indexer.index import Index
from glassdex.indexer.pruning import Pruning
from glassdex.indexer.run import OnProgress, index_documents
from glassdex.search.request import Mode, SearchRequest
from glassdex.search.searcher import Searcher
from glassdex.settings import Settings

INDEX_NAME = "eval"


class ModeSystem:
    """One mode of search on one index."""

    def __init__(self, searcher: Searcher, mode: Mode, name: str | None = None) -> None:
        self._searcher = searcher
        self._mode = mode
        self._name = name or mode

    @property
    def name(self) -> str:
        """The mode, unless named otherwise."""
        return self._name

    def rank(self, query: str, k: int) -> Ranking:
        """The k best documents by their own ids."""
        return self._searcher.ranking(SearchRequest(query, k=k, mode=self._mode))


def open_set(
    beir: BeirSet,
    folder: Path,
    *,
    sae: str | None = None,
    pruning: Pruning | None = None,
    on_progress: OnProgress | None = None,
) -> Index:
    """Index a retrieval set below `folder`, or go on with the index that is there.

    The caller closes it. Raises FingerprintError when the one that is there was made with
    another SAE or pruning.
    """
    settings = Settings(home=folder / beir.name).model_copy(update={"url": None})
    index = Index.open_or_create(settings, INDEX_NAME, sae=sae, pruning=pruning)
    index_documents(index, beir.documents(), on_progress=on_progress)
    return index


def mode_systems(index: Index, modes: Sequence[Mode]) -> list[ModeSystem]:
    """A system per mode; the engine's own BM25 is told from rank-bm25's by its name."""
    searcher = Searcher(index)
    names = {"bm25": "bm25-index"}
    return [ModeSystem(searcher, mode, names.get(mode)) for mode in modes]
