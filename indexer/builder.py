"""From a record to its documents."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from glassdex.indexer.columns import Columns
from glassdex.indexer.document import JSON, Document
from glassdex.indexer.failures import EXCERPT_CHARS, Failure, excerpt
from glassdex.indexer.metadata import metadata_of
from glassdex.indexer.record import Record


@dataclass(frozen=True, slots=True)
class DocumentBuilder:
    """Makes the documents of one source, one per text field of a record.

    source: how failures name it. max_chars: the longest text that becomes a document.
    untyped: values are cells of a table in which everything is a string.
    """

    source: str
    dataset: str
    columns: Columns
    max_chars: int
    untyped: bool = False

    def build(self, record: Record) -> Iterator[Document | Failure]:
        """The documents of a record, and a failure for each text that cannot become one."""
        texts = {name: _text(record.values, name, self.max_chars) for name in self.columns.text}
        good = {name: text for name, text in texts.items() if isinstance(text, str)}
        doc_id = _doc_id(record.values, self.columns, "\x1f".join(good.values()))
        known_id = None if isinstance(doc_id, _Flaw) else doc_id
        for text in texts.values():
            if isinstance(text, _Flaw):
                yield self._failure(record, text.reason, known_id)
        if good and isinstance(doc_id, _Flaw):
            yield self._failure(record, doc_id.reason)
        elif good and known_id:
            yield from self._documents(record, known_id, good)

    def _documents(
        self, record: Record, doc_id: str, texts: Mapping[str, str]
    ) -> Iterator[Document | Failure]:
        metadata = self._metadata(record)
        if isinstance(metadata, str):
            yield self._failure(record, metadata, doc_id)
            return
        for name, text in texts.items():
            if "\0" in text:
                reason = f"{text.count(chr(0))} NUL characters removed from the text"
                yield self._failure(record, reason, doc_id, notice=True)
            yield Document(doc_id, self.dataset, name, text.replace("\0", ""), metadata)

    def _metadata(self, record: Record) -> dict[str, JSON] | str:
        known = (*self.columns.text, *([self.columns.id] if self.columns.id else []))
        return metadata_of(record.values, without=known, untyped=self.untyped)

    def _failure(
        self, record: Record, reason: str, doc_id: str | None = None, *, notice: bool = False
    ) -> Failure:
        return Failure(self.source, reason, record.line, doc_id, _shown(record), notice)


def _shown(record: Record) -> str:
    """The start of a record, without first spelling out a text of megabytes."""
    short = {k: v[:EXCERPT_CHARS] if isinstance(v, str) else v for k, v in record.values.items()}
    return excerpt(short)


@dataclass(frozen=True, slots=True)
class _Flaw:
    """Why there is no value."""

    reason: str


def _text(values: Mapping[str, Any], name: str, max_chars: int) -> str | _Flaw:
    """The text of a field, NUL included, or what is wrong with it."""
    if name not in values:
        return _Flaw(f"there is no field {name!r}; fields seen: {', '.join(values) or 'none'}")
    text = values[name]
    if not isinstance(text, str):
        kind = "null" if text is None else type(text).__name__
        return _Flaw(f"the field {name!r} is {kind}, wanted a string")
    if not text.replace("\0", "").strip():
        return _Flaw(f"the text in {name!r} is empty")
    if len(text) > max_chars:
        return _Flaw(
            f"the text in {name!r} has {len(text):,} characters, more than {max_chars:,}: "
            "split it, or raise GLASSDEX_MAX_DOCUMENT_CHARS"
        )
    if not _encodable(text):
        return _Flaw(f"the text in {name!r} holds half a surrogate pair, which is not Unicode")
    return text


def _doc_id(values: Mapping[str, Any], columns: Columns, text: str) -> str | _Flaw:
    """The record's own id, else one derived from its text, so that any order gives the same."""
    value = values.get(columns.id) if columns.id else None
    if value in (None, ""):
        if columns.id_required:
            return _Flaw(f"there is no id in the field {columns.id!r}")
        return "sha256-" + hashlib.sha256(text.replace("\0", "").encode()).hexdigest()[:16]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return _Flaw(f"the id in {columns.id!r} is {type(value).__name__}, wanted a string")
    if not _encodable(str(value)):
        return _Flaw(f"the id in {columns.id!r} holds half a surrogate pair, which is not Unicode")
    return str(value)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
