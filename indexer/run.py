"""Documents into the index: skipped when unchanged, encoded, written, flushed, chunk by chunk.

The store itself is the checkpoint. Ids come from the documents' origin and every stored
document carries the hash of its content, so the same command run again after a kill finds what
is already there and goes on; there is no separate record of progress that could lie.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from glassdex.errors import InputError
from glassdex.indexer.document import Document
from glassdex.indexer.index import DENSE, LATENTS, WORDS, Index
from glassdex.indexer.probe import Probe
from glassdex.sae.encoder import OnBatch
from glassdex.store.types import Payload, Point, SparseVector

_UPSERT = 500


@dataclass(frozen=True, slots=True)
class Chunk:
    """How much is read, encoded and flushed at a time: the bound of what is held in memory, and
    of what a kill can cost. A chunk ends with the document that reaches either bound."""

    documents: int = 1000
    chars: int = 200_000


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What a run did. `indexed` counts new and changed documents, `skipped` those that were
    already there unchanged, `failed` the records that could not become documents."""

    indexed: int = 0
    skipped: int = 0
    failed: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def to_json(self) -> dict[str, int | float]:
        """The contract of `glassdex index --json`."""
        return asdict(self)


OnProgress = Callable[[IndexReport], None]


def index_documents(
    index: Index,
    documents: Iterable[Document],
    *,
    on_progress: OnProgress | None = None,
    on_warning: Callable[[str], None] | None = None,
    chunk: Chunk = Chunk(),
) -> IndexReport:
    """Write documents; returns once everything is flushed.

    `on_progress` hears of each finished chunk, `on_warning` of a reader and SAE that do not
    fit. Memory is bounded by one chunk.
    """
    started = time.perf_counter()
    report = IndexReport()
    probe = Probe(index.bundle.encoder.sae)
    for batch in _chunks(documents, chunk):
        changed = _changed(index, batch)
        tokens = _write(index, changed, on_batch=probe.add)
        index.documents.flush()
        if on_warning is not None and (warning := probe.warning()):
            on_warning(warning)
        report = replace(
            report,
            indexed=report.indexed + len(changed),
            skipped=report.skipped + len(batch) - len(changed),
            tokens=report.tokens + tokens,
            seconds=time.perf_counter() - started,
        )
        if on_progress is not None:
            on_progress(report)
    index.documents.optimize()
    index.documents.flush()
    return replace(report, seconds=time.perf_counter() - started)


def _chunks(documents: Iterable[Document], size: Chunk) -> Iterator[list[Document]]:
    """Chunks of documents; those read before a source turns out to be unreadable are not lost."""
    batch: list[Document] = []
    chars = 0
    failure: InputError | None = None
    try:
        for document in documents:
            batch.append(document)
            chars += len(document.text)
            if len(batch) >= size.documents or chars >= size.chars:
                yield batch
                batch, chars = [], 0
    except InputError as error:
        failure = error
    if batch:
        yield batch
    if failure is not None:
        raise failure


def _changed(index: Index, batch: Sequence[Document]) -> list[Document]:
    """Documents that the index does not hold as they are; the last of equal ids counts."""
    latest = {document.point_id: document for document in batch}
    there = {r.id: r.payload.get("hash") for r in index.documents.get(list(latest))}
    return [d for point_id, d in latest.items() if there.get(point_id) != d.content_hash]


def _write(index: Index, documents: Sequence[Document], *, on_batch: OnBatch) -> int:
    if not documents:
        return 0
    encoded = index.bundle.encoder.encode([d.text for d in documents], on_batch)
    for start in range(0, len(documents), _UPSERT):
        index.documents.upsert(
            [
                Point(
                    id=document.point_id,
                    payload=payload_of(document),
                    dense={DENSE: encoded.dense[row]},
                    sparse={
                        LATENTS: SparseVector.row(encoded.latents, row),
                        WORDS: index.words.document(document.text),
                    },
                )
                for row, document in enumerate(documents[start : start + _UPSERT], start)
            ]
        )
    return int(encoded.tokens.sum())


def payload_of(document: Document) -> Payload:
    """What is stored beside the vectors."""
    return {
        "text": document.text,
        "doc_id": document.doc_id,
        "dataset": document.dataset,
        "field": document.field,
        "metadata": document.metadata,
        "hash": document.content_hash,
    }
