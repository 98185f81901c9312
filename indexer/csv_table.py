"""CSV and TSV: a header row, then one record per row."""

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from glassdex.errors import InputError
from glassdex.indexer.failures import Failure, excerpt
from glassdex.indexer.lines import Line, not_utf8, read_lines, too_long
from glassdex.indexer.record import Record
from glassdex.indexer.source_file import SourceFile

_LINE_COST = 200
"""Bytes of memory that holding a line takes beyond its text."""


def read_csv(file: SourceFile, max_bytes: int) -> Iterator[Record | Failure]:
    """Rows of a .csv file: separated by commas, else by semicolons or tabs as the header is."""
    return _read(file, max_bytes, ",;\t")


def read_tsv(file: SourceFile, max_bytes: int) -> Iterator[Record | Failure]:
    """Rows of a .tsv file: separated by tabs; quoted cells may hold tabs and line ends."""
    return _read(file, max_bytes, "\t")


def _read(file: SourceFile, max_bytes: int, delimiters: str) -> Iterator[Record | Failure]:
    # The limit is the interpreter's, not the reader's; rows are limited below.
    csv.field_size_limit(max(csv.field_size_limit(), max_bytes + 1))
    feed = _Feed(read_lines(file, max_bytes), max_bytes)
    header: list[str] | None = None
    for row in _rows(feed, file.name, delimiters):
        if header is None:
            header = _header(row, file.name)
        elif isinstance(row, Failure):
            yield row
        elif len(row.cells) == len(header):
            yield Record(row.line, dict(zip(header, row.cells, strict=True)))
        else:
            reason = f"the row has {len(row.cells)} columns, the header {len(header)}"
            yield Failure(file.name, reason, line=row.line, excerpt=excerpt(str(row.cells)))
    if feed.broken:
        yield feed.broken


class _TooLongError(csv.Error):
    """A row takes more memory than it may."""


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: list[str]


@dataclass(slots=True)
class _Feed:
    """Lines for one row at a time; the lines of a row that failed can be read again.

    A quotation mark that is never closed swallows all lines after it. Reading them again as
    rows of their own loses one row instead.
    """

    lines: Iterator[Line | Failure]
    max_bytes: int
    row: list[Line] = field(default_factory=list)
    broken: Failure | None = None
    undecodable: UnicodeDecodeError | None = None
    _again: deque[Line] = field(default_factory=deque)
    _held: int = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._next_line()
        self.row.append(line)
        self._held += line.size + _LINE_COST
        if line.cut:
            raise _TooLongError(too_long(line, self.max_bytes))
        if len(self.row) > 1 and self._held > self.max_bytes:
            raise _TooLongError(f"a quoted cell does not end within {self.max_bytes:,} bytes")
        try:
            return line.data.decode() + "\n"
        except UnicodeDecodeError as error:
            self.undecodable = error
            return line.data.decode(errors="replace") + "\n"

    def _next_line(self) -> Line:
        if self._again:
            return self._again.popleft()
        item = next(self.lines)
        if isinstance(item, Failure):
            self.broken = item
            raise StopIteration
        return item

    def begin_row(self) -> None:
        """Forget the lines of the last row."""
        self.row, self._held, self.undecodable = [], 0, None

    def read_again(self) -> None:
        """Give out the lines after the first of the current row once more."""
        self._again.extendleft(reversed(self.row[1:]))

    def peek(self) -> str:
        """The first line of the file, which is still to be read; empty at its end."""
        try:
            line = self._next_line()
        except StopIteration:
            return ""
        self._again.appendleft(line)
        return line.data.decode(errors="replace")


def _rows(feed: _Feed, name: str, delimiters: str) -> Iterator[_Row | Failure]:
    first = feed.peek()
    delimiter = next((d for d in delimiters if d in first), delimiters[0])
    while True:
        feed.begin_row()
        try:
            cells = next(csv.reader(feed, delimiter=delimiter, strict=True))
        except StopIteration:
            return
        except csv.Error as error:
            yield _failed(name, feed.row[0], _reason(error))
            feed.read_again()
            continue
        if feed.undecodable:
            yield _failed(name, feed.row[0], not_utf8(feed.undecodable))
        elif any(cell.strip() for cell in cells):
            yield _Row(feed.row[0].number, cells)


def _reason(error: csv.Error) -> str:
    if isinstance(error, _TooLongError):
        return str(error)
    return f"malformed row: {error}; a cell that begins with a quotation mark must end with one"


def _failed(name: str, line: Line, reason: str) -> Failure:
    return Failure(name, reason, line=line.number, excerpt=excerpt(line.data))


def _header(row: _Row | Failure, name: str) -> list[str]:
    if isinstance(row, Failure):
        raise InputError(f"{name}: the header row cannot be read: {row.reason}")
    header = [cell.strip() or f"column_{i}" for i, cell in enumerate(row.cells, start=1)]
    repeated = sorted({cell for cell in header if header.count(cell) > 1})
    if repeated:
        raise InputError(
            f"{name}: the header row names {', '.join(repeated)} more than once: rename one"
        )
    return header
