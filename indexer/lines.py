"""Lines of a file, however long or broken, in bounded memory."""

import codecs
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from glassdex.errors import InputError
from glassdex.indexer.failures import Failure
from glassdex.indexer.source_file import SourceFile

MAX_BYTES = 16 * 2**20
"""A record longer than this, and longer than max_chars allows for, is not read into memory."""

UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_SKIP_BYTES = 2**20
_HEAD_BYTES = 512


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end. number: 1-based. size: bytes; more than `data` has if cut."""

    number: int
    data: bytes
    size: int

    @property
    def cut(self) -> bool:
        """Whether the line was too long, so that `data` is only its beginning."""
        return self.size > len(self.data)


def read_lines(file: SourceFile, max_bytes: int) -> Iterator[Line | Failure]:
    """Every line, ended by LF or CRLF, without a UTF-8 byte order mark.

    A stream that breaks off (truncated gzip, failing disk) ends with one Failure naming the
    line reached. Raises InputError on UTF-16, in which no line would be found.
    """
    number = 0
    try:
        with file.open() as stream:
            for line in _lines(stream, max_bytes):
                number = line.number
                yield _without_mark(line, file.name) if number == 1 else line
    except (OSError, EOFError, zlib.error) as error:
        yield Failure(file.name, broken(error), line=number + 1)


def too_long(line: Line, max_bytes: int) -> str:
    """The reason given for a line that was cut."""
    return (
        f"the line has {line.size:,} bytes, more than {max_bytes:,}: split the record, or raise "
        "GLASSDEX_MAX_DOCUMENT_CHARS"
    )


def broken(error: Exception) -> str:
    """The reason given for a stream that cannot be read (further)."""
    if isinstance(error, EOFError):
        return "the compressed file ends too early: it is incomplete, copy it again"
    if isinstance(error, zlib.error):
        return f"the compressed data are damaged ({error}): copy the file again"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    return f"cannot be read: {error}"


def not_utf8(error: UnicodeDecodeError) -> str:
    """The reason given for bytes that are no UTF-8."""
    return (
        f"not UTF-8: byte 0x{error.object[error.start]:02x} at position {error.start + 1}; "
        "convert the file, for example by iconv -f WINDOWS-1252 -t UTF-8"
    )


def utf16() -> str:
    """The reason given for a file that begins with a byte order mark of UTF-16."""
    return "UTF-16, wanted UTF-8: iconv -f UTF-16 -t UTF-8 converts it"


def _lines(stream: IO[bytes], max_bytes: int) -> Iterator[Line]:
    number = 0
    while data := stream.readline(max_bytes + 2):
        number += 1
        size = len(data)
        if data.endswith(b"\n"):
            data = data[:-2] if data.endswith(b"\r\n") else data[:-1]
            size = len(data)
        elif size == max_bytes + 2:
            size += _skip_line(stream)
        yield Line(number, data if size <= max_bytes else data[:_HEAD_BYTES], size)


def _skip_line(stream: IO[bytes]) -> int:
    """Read past the end of the line; the number of bytes before it."""
    skipped = 0
    while data := stream.readline(_SKIP_BYTES):
        skipped += len(data.removesuffix(b"\n"))
        if data.endswith(b"\n"):
            break
    return skipped


def _without_mark(line: Line, name: str) -> Line:
    if line.data.startswith(UTF16_MARKS):
        raise InputError(f"{name} is {utf16()}")
    if not line.data.startswith(codecs.BOM_UTF8):
        return line
    data = line.data.removeprefix(codecs.BOM_UTF8)
    return Line(line.number, data, line.size - len(codecs.BOM_UTF8))
