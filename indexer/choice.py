"""Which documents of a source are meant: a filter, and a share of the rest."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from glassdex.indexer.document import Document
from glassdex.store.filters import Filter, matches


def choose(
    documents: Iterable[Document], *, where: Filter | None = None, share: float = 1.0
) -> Iterator[Document]:
    """Documents that satisfy `where`, and of those a `share` drawn by their ids.

    The same documents are drawn in every run and every order of the sources.
    """
    limit = int(share * 2**128)
    for document in documents:
        payload = {
            "dataset": document.dataset,
            "doc_id": document.doc_id,
            "field": document.field,
            "metadata": document.metadata,
        }
        point_id = document.point_id
        if UUID(point_id).int < limit and matches(where, point_id, payload):
            yield document
