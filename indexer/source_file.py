"""One file that documents are read from."""

import gzip
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, TypeAlias, cast

from glassdex.indexer.meter import Meter

FormatName: TypeAlias = Literal["jsonl", "csv", "tsv", "parquet", "text", "beir"]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file, or standard input, and what its documents are called.

    path: None is standard input. name: how failures name it. dataset: of its documents.
    doc_id: of its one document where a file is one document. named: the user named this very
    file, so that it being unreadable is an error rather than one failure among many. meter:
    counts what is read from it.
    """

    path: Path | None
    name: str
    format: FormatName
    dataset: str
    doc_id: str
    named: bool
    meter: Meter = field(default_factory=Meter, compare=False, repr=False)

    @property
    def compressed(self) -> bool:
        """Whether the name ends in .gz."""
        return self.path is not None and self.path.suffix.lower() == ".gz"

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The content as bytes, decompressed on the fly."""
        if self.path is None:
            yield sys.stdin.buffer
            return
        with self.meter.counted(io.FileIO(self.path)) as stream:
            if self.compressed:
                with gzip.open(stream) as content:
                    yield cast("IO[bytes]", content)
            else:
                yield stream
