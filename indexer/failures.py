"""Records that could not become documents: each is named, none is dropped silently."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from glassdex.errors import StoreError

EXCERPT_CHARS = 120
FIRST = 5


@dataclass(frozen=True, slots=True)
class Failure:
    """What was wrong, and where.

    source: file or folder as the user would name it. line: 1-based line (row of a Parquet
    file), None when the whole source is meant. excerpt: the start of the record. notice: the
    record was kept, or there was none to lose; only worth a mention.
    """

    source: str
    reason: str
    line: int | None = None
    doc_id: str | None = None
    excerpt: str = ""
    notice: bool = False

    def __str__(self) -> str:
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        return f"{place}: {self.reason}"


OnFailure = Callable[[Failure], None]


def excerpt(record: object) -> str:
    """The start of a record on one printable line."""
    if isinstance(record, bytes):
        text = record[: 4 * EXCERPT_CHARS].decode("utf-8", "replace")
    else:
        text = record if isinstance(record, str) else repr(record)
    line = " ".join(text[: 4 * EXCERPT_CHARS].split())
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return line if len(line) <= EXCERPT_CHARS else line[: EXCERPT_CHARS - 1] + "…"


class FailureLog:
    """Writes failures to a JSON Lines file as they come, and counts them.

    The file appears with the first failure and replaces that of a former run. Holds only the
    first few in memory. Raises StoreError when the file cannot be written.
    """

    def __init__(self, path: Path, *, first: int = FIRST) -> None:
        self.path = path
        self.failed = 0
        self.notices = 0
        self.first: list[Failure] = []
        self._keep = first
        self._file: TextIO | None = None

    def __call__(self, failure: Failure) -> None:
        """Record one failure, durably against a crash of this process."""
        if failure.notice:
            self.notices += 1
        else:
            self.failed += 1
        if len(self.first) < self._keep:
            self.first.append(failure)
        self._write(json.dumps(asdict(failure)) + "\n")

    def __enter__(self) -> Self:
        self._guard(lambda: self.path.unlink(missing_ok=True))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, line: str) -> None:
        def write() -> None:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                # Line-buffered: what was reported survives a kill of the process.
                self._file = self.path.open("a", buffering=1, encoding="ascii")
            self._file.write(line)

        self._guard(write)

    def _guard(self, act: Callable[[], object]) -> None:
        try:
            act()
        except OSError as error:
            raise StoreError(
                f"cannot write the list of failed records {self.path} ({error.strerror}): "
                "free space there or choose another GLASSDEX_HOME"
            ) from error
