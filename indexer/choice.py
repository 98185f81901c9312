"""Which documents of a source are meant: a filter, and a share of the rest."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from glassdex.errors import UsageError
from glassdex.indexer.document import Document
from glassdex.store.filters import Filter, matches


def choose(
    documents: Iterable[Document], *, where: Filter | None = None, share: float = 1.0
) -> Iterator[Document]:
    """Documents that satisfy `where`, and of those a `share` drawn by their ids.

    The same documents are drawn in every run and every order of the sources, and those of a
    share are among those of a larger one. Raises UsageError on a share that is not above 0 and
    at most 1.
    """
    if not 0 < share <= 1:
        raise UsageError(f"the share is {share}, wanted a number above 0 and at most 1")
    limit = int(share * 2**128)
    return (d for d in documents if UUID(d.point_id).int < limit and _matches(d, where))


def _matches(document: Document, where: Filter | None) -> bool:
    payload = {
        "dataset": document.dataset,
        "doc_id": document.doc_id,
        "field": document.field,
        "metadata": document.metadata,
    }
    return matches(where, document.point_id, payload)
