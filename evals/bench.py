"""Speed as ratios within one run: what we do beside what it cannot be faster than."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from glassdex.indexer.document import Document
from glassdex.indexer.index import Index
from glassdex.indexer.run import index_documents
from glassdex.sae.encoder import TextEncoder
from glassdex.search.request import MODES, Mode, SearchRequest
from glassdex.search.searcher import Searcher

QUERIES = ("sarcastic remarks", "asks for a refund", "thanks the staff", "numbered steps")
_ROUNDS, _REPEATS = 2, 5


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One measurement. `reference` is what it is compared with, in the same unit and run;
    `ratio` is value / reference."""

    bench: str
    case: str
    value: float
    unit: str
    reference: float
    ratio: float

    def to_json(self) -> dict[str, Any]:
        """The contract of `glassdex bench --json`."""
        return asdict(self)


def bench_index(index: Index, documents: Sequence[Document]) -> list[BenchRow]:
    """Tokens a second into an empty index, and of encoding alone, over the bare forward pass."""
    encoder = index.bundle.encoder
    texts = [document.text for document in documents]
    encoder.encode(texts[:32])  # the first pass allocates
    tokens = int(sum(len(t.ids) for t in encoder.reader.tokenize(texts)))
    # The better of interleaved runs: other work on the machine only ever adds time.
    forward, encode = partial(_forward, encoder, texts), partial(encoder.encode, texts)
    spent = [(_seconds(forward), _seconds(encode)) for _ in range(_ROUNDS)]
    bare, encoding = (tokens / min(times) for times in zip(*spent, strict=True))
    whole = tokens / _seconds(lambda: index_documents(index, documents))
    return [
        _row("index", "encode / forward pass", encoding, "tokens/s", bare),
        _row("index", "end to end / forward pass", whole, "tokens/s", bare),
    ]


def bench_search(index: Index) -> list[BenchRow]:
    """Median milliseconds of a search without spans, over those of encoding the query."""
    searcher, encoder = Searcher(index), index.bundle.encoder
    embedding = _median_ms(encoder.encode_query)
    rows = []
    for mode in MODES:
        spent = _median_ms(partial(_search, searcher, mode))
        rows.append(_row("search", f"{mode} / query encoding", spent, "ms", embedding))
    return rows


def _search(searcher: Searcher, mode: Mode, text: str) -> None:
    searcher.search(SearchRequest(text, mode=mode), spans=False)


def _forward(encoder: TextEncoder, texts: Sequence[str]) -> None:
    for _ in encoder.reader.read(encoder.reader.tokenize(texts)):
        pass


def _row(bench: str, case: str, value: float, unit: str, reference: float) -> BenchRow:
    return BenchRow(bench, case, value, unit, reference, value / reference)


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _median_ms(act: Callable[[str], object]) -> float:
    act(QUERIES[0])
    return 1000 * statistics.median(
        _seconds(partial(act, text)) for _ in range(_REPEATS) for text in QUERIES
    )
