"""Text files: one document each."""

import codecs
import zlib
from collections.abc import Iterator

from glassdex.indexer.failures import Failure, excerpt
from glassdex.indexer.lines import UTF16_MARKS, broken, not_utf8, utf16
from glassdex.indexer.record import Record
from glassdex.indexer.source_file import SourceFile


def read_text(file: SourceFile, max_bytes: int) -> Iterator[Record | Failure]:
    """The file as one record with `doc_id` and `text`; line ends become LF."""
    try:
        with file.open() as stream:
            data = stream.read(max_bytes + 1)
        yield _record(file, data, max_bytes)
    except (OSError, EOFError, zlib.error) as error:
        yield Failure(file.name, broken(error), doc_id=file.doc_id)


def _record(file: SourceFile, data: bytes, max_bytes: int) -> Record | Failure:
    if len(data) > max_bytes:
        reason = (
            f"the file has more than {max_bytes:,} bytes: split it, or raise "
            "GLASSDEX_MAX_DOCUMENT_CHARS"
        )
        return Failure(file.name, reason, doc_id=file.doc_id, excerpt=excerpt(data))
    if data.startswith(UTF16_MARKS):
        return Failure(file.name, utf16(), doc_id=file.doc_id)
    try:
        text = data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        return Failure(file.name, not_utf8(error), doc_id=file.doc_id, excerpt=excerpt(data))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return Record(None, {"doc_id": file.doc_id, "text": text})
