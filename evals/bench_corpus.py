"""The texts that are measured on."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count, islice
from pathlib import Path

from glassdex.indexer.document import Document
from glassdex.indexer.failures import Failure
from glassdex.indexer.sources import SourceOptions, read_documents


@dataclass(frozen=True, slots=True)
class BenchCorpus:
    """Documents read from a file, anew every time, as when a user indexes it.

    repeated: start over when it ends, each time with another number behind every text, so that
    no two texts are equal.
    """

    path: Path
    options: SourceOptions = field(default_factory=SourceOptions)
    repeated: bool = False

    def documents(self, n: int) -> Iterator[Document]:
        """The first n documents, or all there are.

        Raises InputError when the file is missing, or holds no document.
        """
        return islice(self._all(), n)

    def texts(self, n: int) -> list[str]:
        """Their texts."""
        return [document.text for document in self.documents(n)]

    def _all(self) -> Iterator[Document]:
        for turn in count():
            for document in read_documents([str(self.path)], self.options, _pass_over):
                yield _numbered(document, turn) if turn else document
            if not self.repeated:
                return


def _numbered(document: Document, turn: int) -> Document:
    return replace(document, doc_id=f"{document.doc_id}-{turn}", text=f"{document.text} ({turn})")


def _pass_over(_: Failure) -> None:
    """What cannot become a document is not measured."""
