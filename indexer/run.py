"""Documents into the index: skipped when unchanged, encoded, written, flushed, chunk by chunk.

The store itself is the checkpoint. Ids come from the documents' origin and every stored
document carries the hash of its content, so the same command run again after a kill finds what
is already there and goes on; there is no separate record of progress that could lie.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace

from glassdex.errors import InputError
from glassdex.indexer.document import Document
from glassdex.indexer.index import DENSE, LATENTS, WORDS, Index
from glassdex.indexer.probe import Probe
from glassdex.sae.encoder import Encoded, Hidden
from glassdex.store.types import Payload, Point, SparseVector

_UPSERT = 500


@dataclass(frozen=True, slots=True)
class Chunk:
    """How much is read, encoded and flushed at a time: the bound of what is held in memory, and
    of what a kill can cost. A chunk ends with the document that reaches either bound."""

    documents: int = 2000
    chars: int = 400_000


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
    fit. Memory is bounded by three chunks: one is read, one encoded, one written.
    """
    started = time.perf_counter()
    report = IndexReport()
    probe = Probe(index.bundle.encoder.sae)
    for part in _encoded(index, _chunks(documents, chunk), probe):
        _write(index, part)
        index.documents.flush()
        if on_warning is not None and (warning := probe.warning()):
            on_warning(warning)
        report = replace(
            report,
            indexed=report.indexed + len(part.documents),
            skipped=report.skipped + part.skipped,
            tokens=report.tokens + int(part.encoded.tokens.sum()),
            seconds=time.perf_counter() - started,
        )
        if on_progress is not None:
            on_progress(report)
    index.documents.optimize()
    index.documents.flush()
    return replace(report, seconds=time.perf_counter() - started)


@dataclass(frozen=True, slots=True)
class _Part:
    """A chunk ready to be written: what has changed in it, and its vectors."""

    documents: Sequence[Document]
    skipped: int
    encoded: Encoded


def _encoded(index: Index, chunks: Iterable[list[Document]], probe: Probe) -> Iterator[_Part]:
    """Encode chunks on a thread of its own: one is encoded while the next is read from its
    source and the last is written. The store is only touched by the calling thread."""
    stopped = threading.Event()

    def on_batch(hidden: Hidden) -> None:
        if stopped.is_set():
            raise CancelledError
        probe.add(hidden)

    def encode(documents: Sequence[Document], skipped: int) -> _Part:
        encoded = index.bundle.encoder.encode([document.text for document in documents], on_batch)
        kept = index.pruning.prune(encoded.latents, index.bundle.catalogue.scale)
        return _Part(documents, skipped, replace(encoded, latents=kept))

    thread = ThreadPoolExecutor(1, thread_name_prefix="glassdex-encode")
    waiting: Future[_Part] | None = None
    try:
        under_way: dict[str, str] = {}
        for batch in chunks:
            changed = _changed(index, batch, under_way)
            under_way = {d.point_id: d.content_hash for d in changed}
            done, waiting = waiting, thread.submit(encode, changed, len(batch) - len(changed))
            if done is not None:
                yield done.result()
        if waiting is not None:
            yield waiting.result()
    except InputError:
        # What was read before a source turned out to be unreadable is not lost.
        if waiting is not None:
            yield waiting.result()
        raise
    finally:
        stopped.set()
        thread.shutdown(wait=False, cancel_futures=True)


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


def _changed(
    index: Index, batch: Sequence[Document], under_way: Mapping[str, str]
) -> list[Document]:
    """Documents that the index does not hold as they are; the last of equal ids counts.

    `under_way` holds the hashes of documents that are about to be written, by id.
    """
    latest = {document.point_id: document for document in batch}
    records = index.documents.get(list(latest))
    there = {r.id: r.payload.get("hash") for r in records} | dict(under_way)
    return [d for point_id, d in latest.items() if there.get(point_id) != d.content_hash]


def _write(index: Index, part: _Part) -> None:
    encoded, documents = part.encoded, part.documents
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
