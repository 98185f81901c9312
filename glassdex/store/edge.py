"""The default index: Qdrant's engine inside this process, in one folder."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import Any, Self

import numpy as np
import qdrant_edge as edge
from numpy.typing import NDArray

from glassdex.errors import StoreError
from glassdex.store import validation
from glassdex.store.edge_dialect import (
    edge_filter,
    edge_point,
    edge_sparse,
    record_of,
    stored_value,
)
from glassdex.store.edge_errors import engine_errors
from glassdex.store.edge_folder import IndexFolder, Manifest
from glassdex.store.facets import count_values, most_frequent
from glassdex.store.filters import Filter, Ids
from glassdex.store.idf import recovered
from glassdex.store.pages import batched, ranked, sparse_page
from glassdex.store.protocol import PAGE
from glassdex.store.types import (
    Point,
    Record,
    Scored,
    SparsePage,
    SparseVector,
    StoreInfo,
    StoreSchema,
)


class EdgeStore:
    """A store in a folder, served by qdrant-edge within this process.

    One process at a time may have it open. Written points survive the death of the process
    at once and a power failure after `flush`.
    """

    def __init__(self, folder: IndexFolder, shard: edge.EdgeShard, manifest: Manifest) -> None:
        self._folder = folder
        self._shard = shard
        self._manifest = manifest
        self._writing = RLock()
        self._closed = False

    @classmethod
    def create(cls, folder: Path, schema: StoreSchema) -> Self:
        """A new, empty index in `folder`. Raises StoreError if one is there already."""
        validation.check_schema(schema)
        place = IndexFolder(folder)
        if place.exists():
            raise StoreError(f"there is an index at {folder} already: open it, or delete it first")
        with engine_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(place.shard, ignore_errors=True)  # left by a creation that was killed
            shard = edge.EdgeShard.create(str(place.shard), _config(schema))
            shard.flush()
            manifest = Manifest(schema)
            place.write(manifest)
        return cls(place, shard, manifest)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The index in `folder`.

        Raises IndexMissingError if there is none, StoreBusyError if it is open elsewhere.
        """
        place = IndexFolder(folder)
        manifest = place.read()
        with engine_errors(folder):
            shard = edge.EdgeShard.load(str(place.shard))
        return cls(place, shard, manifest)

    @property
    def schema(self) -> StoreSchema:
        """The named vectors this store was created with."""
        return self._manifest.schema

    def metadata(self) -> dict[str, Any]:
        """What `set_metadata` last wrote; empty for a new store."""
        return dict(self._manifest.metadata)

    def set_metadata(self, values: Mapping[str, Any]) -> None:
        """Replace the store's JSON metadata, durably."""
        validation.check_metadata(values)
        with self._writing, self._errors():
            self._remember(replace(self._manifest, metadata=dict(values)))

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points whole, replacing any with the same ids; all or none."""
        validation.check_points(self.schema, points)
        if not points:
            return
        with self._writing, self._errors():
            self._mark_rewritten([point.id for point in points])
            converted = [edge_point(point) for point in points]
            self._shard.update(edge.UpdateOperation.upsert_points(converted))

    def delete(self, target: Sequence[str] | Filter) -> int:
        """Delete by ids or by filter; returns how many points there were."""
        if isinstance(target, Sequence):
            validation.check_ids(target)
            target = Ids(frozenset(target))
        where = edge_filter(target)
        with self._writing, self._errors():
            doomed = self._count(where)
            if doomed and where is not None:
                self._remember(replace(self._manifest, rewritten=True))
                self._shard.update(edge.UpdateOperation.delete_points_by_filter(where))
        return doomed

    def get(
        self, ids: Sequence[str], *, payload: bool = True, vectors: Sequence[str] = ()
    ) -> list[Record]:
        """Points in the order of `ids`; unknown ids are left out."""
        validation.check_ids(ids)
        validation.check_names(self.schema, vectors)
        found: dict[str, Record] = {}
        for batch in batched([i for i in ids if validation.is_canonical_id(i)], PAGE):
            with self._errors():
                records = self._shard.retrieve(list(batch), payload, list(vectors))
            found |= {str(record.id): record_of(record, self.schema) for record in records}
        return [found[point_id] for point_id in ids if point_id in found]

    def search_sparse(
        self, name: str, query: SparseVector, *, limit: int, where: Filter | None = None
    ) -> list[Scored]:
        """The `limit` best points by dot product, exact; which of equal scores at the cut are
        kept is the engine's choice.
        """
        validation.check_sparse_query(self.schema, name, query, limit)
        nearest = edge.Query.Nearest(edge_sparse(query), using=name)
        return self._search(nearest, limit, where, edge.SearchParams(idf=self._corpus(name)))

    def search_dense(
        self,
        name: str,
        query: NDArray[np.float32],
        *,
        limit: int,
        where: Filter | None = None,
        exact: bool = True,
    ) -> list[Scored]:
        """The `limit` best points by dot product; `exact=False` permits the HNSW graph."""
        validation.check_dense_query(self.schema, name, query, limit)
        nearest = edge.Query.Nearest(query.tolist(), using=name)
        return self._search(nearest, limit, where, edge.SearchParams(exact=exact))

    def idf(self, name: str, indices: Sequence[int]) -> NDArray[np.float64]:
        """The factor `search_sparse` applies to each index, rounded to 6 significant digits.

        Measured: the best point for the index alone has score = factor * stored value.
        """
        validation.check_names(self.schema, [name])
        params = edge.SearchParams(idf=self._corpus(name))
        requests = [
            edge.QueryRequest(
                limit=1,
                query=edge.Query.Nearest(edge.SparseVector([index], [1.0]), using=name),
                with_vector=[name],
                params=params,
            )
            for index in indices
        ]
        with self._errors():
            having = self._count(edge.Filter(must=[edge.HasVectorCondition(name)]))
            answers = self._shard.query_batch(edge.QueryBatchRequest(requests))
        return np.asarray(
            [
                recovered(hits[0].score / stored_value(hits[0], name, index), having)
                if hits
                else 0.0
                for hits, index in zip(answers, indices, strict=True)
            ],
            dtype=np.float64,
        )

    def scan(
        self,
        *,
        where: Filter | None = None,
        payload: bool = True,
        vectors: Sequence[str] = (),
        page: int = PAGE,
    ) -> Iterator[list[Record]]:
        """All matching points in ascending order of id, a page at a time."""
        validation.check_names(self.schema, vectors)
        validation.check_limit(page)
        condition, offset = edge_filter(where), None
        while True:
            request = edge.ScrollRequest(
                offset=offset,
                limit=page,
                filter=condition,
                with_payload=payload,
                with_vector=list(vectors),
            )
            with self._errors():
                records, offset = self._shard.scroll(request)
            if records:
                yield [record_of(record, self.schema) for record in records]
            if offset is None:
                return

    def scan_sparse(
        self, name: str, *, columns: int, where: Filter | None = None, page: int = PAGE
    ) -> Iterator[SparsePage]:
        """One sparse vector of all matching points, in ascending order of id."""
        for records in self.scan(where=where, payload=False, vectors=[name], page=page):
            yield sparse_page(records, name, columns)

    def count(self, where: Filter | None = None) -> int:
        """Number of matching points, exact."""
        condition = edge_filter(where)
        with self._errors():
            return self._count(condition)

    def facet(self, key: str, *, where: Filter | None = None, limit: int = 100) -> dict[Any, int]:
        """Exact counts of the `limit` most frequent values of `key`, ties by value."""
        validation.check_limit(limit)
        return most_frequent(count_values(self.scan(where=where), key), limit)

    def flush(self) -> None:
        """Make everything written so far survive a power failure."""
        with self._errors():
            self._shard.flush()

    def optimize(self) -> None:
        """Build the search graph and compact the data; blocks, other threads may search."""
        with self._errors():
            self._shard.optimize()

    def info(self) -> StoreInfo:
        """Number of points and bytes on disk."""
        with self._errors():
            return StoreInfo(self._shard.info().points_count, self._folder.size())

    def close(self) -> None:
        """Flush and release the folder; closing twice is harmless."""
        if not self._closed:
            self.flush()
            self._closed = True
            self._shard.close()

    def _errors(self) -> AbstractContextManager[None]:
        return engine_errors(self._folder.path)

    def _remember(self, manifest: Manifest) -> None:
        if manifest != self._manifest:
            self._folder.write(manifest)
            self._manifest = manifest

    def _mark_rewritten(self, ids: Sequence[str]) -> None:
        """Note for `_corpus` if one of `ids` is about to be replaced."""
        if self._manifest.rewritten:
            return
        if self._count(edge_filter(Ids(frozenset(ids)))):
            self._remember(replace(self._manifest, rewritten=True))

    def _corpus(self, name: str) -> edge.IdfParams | None:
        """Have document frequencies counted afresh where replaced points would blur them.

        The engine's own counts are free but keep deleted points until it compacts; a fresh
        count takes some 20 ns a point.
        """
        if not self.schema.sparse.get(name) or not self._manifest.rewritten:
            return None
        return edge.IdfParams(corpus=edge.Filter())

    def _count(self, where: edge.Filter | None) -> int:
        return self._shard.count(edge.CountRequest(exact=True, filter=where))

    def _search(
        self, nearest: edge.Query, limit: int, where: Filter | None, params: edge.SearchParams
    ) -> list[Scored]:
        request = edge.QueryRequest(
            limit=limit, query=nearest, filter=edge_filter(where), params=params
        )
        with self._errors():
            hits = self._shard.query(request)
        return ranked(Scored(str(hit.id), hit.score) for hit in hits)


def _config(schema: StoreSchema) -> edge.EdgeConfig:
    """Stored vectors are unit vectors already: the dot product leaves them as they are."""
    return edge.EdgeConfig(
        vectors={
            name: edge.EdgeVectorParams(size=dimension, distance=edge.Distance.Dot)
            for name, dimension in schema.dense.items()
        },
        sparse_vectors={
            name: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf if weighted else None)
            for name, weighted in schema.sparse.items()
        },
    )
