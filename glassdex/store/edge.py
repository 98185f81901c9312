"""The default index: Qdrant's engine inside this process, in one folder."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import Any, Self

import numpy as np
import qdrant_edge as edge
from numpy.typing import NDArray

from glassdex.errors import StoreError
from glassdex.store import validation
from glassdex.store.edge_config import GRAPH_POINTS, SEAL_AT, weight
from glassdex.store.edge_dialect import (
    edge_filter,
    edge_point,
    edge_sparse,
    record_of,
    stored_value,
)
from glassdex.store.edge_folder import IndexFolder, Manifest
from glassdex.store.edge_shard import Shard, closing_on_error, require_space
from glassdex.store.facets import count_values, most_frequent
from glassdex.store.filters import RESERVED, Filter, Ids
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

_BYTES_PER_WEIGHT = 24
"""Disk space an unsealed point may take until it is sealed, all copies counted, per weight."""

_FACET_VALUES = 10_000
"""Distinct values up to which the engine counts them; more are counted by reading payloads."""


class EdgeStore:
    """A store in a folder, served by qdrant-edge within this process.

    One process at a time may have it open, with any number of threads. A written point
    survives the death of the process at once, and a power failure after `flush`.
    """

    def __init__(self, folder: IndexFolder, shard: Shard, manifest: Manifest) -> None:
        self._folder = folder
        self._shard = shard
        self._manifest = manifest
        self._unsealed = manifest.unsealed
        self._writing = RLock()
        self._closed = False
        self._writes = 0
        self._counted: dict[str | None, tuple[int, int]] = {}

    @classmethod
    def create(cls, folder: Path, schema: StoreSchema) -> Self:
        """A new, empty index in `folder`. Raises StoreError if one is there already."""
        validation.check_schema(schema)
        place = IndexFolder(folder)
        if place.exists():
            raise StoreError(f"there is an index at {folder} already: open it, or delete it first")
        shard = Shard.create(place, schema)
        with closing_on_error(shard):
            place.write(Manifest(schema))
            return cls(place, shard, place.read())

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The index in `folder`.

        Raises IndexMissingError if there is none, StoreBusyError if it is open elsewhere.
        """
        place = IndexFolder(folder)
        place.read()  # a missing index is reported before the engine looks for it
        shard = Shard.load(place)
        with closing_on_error(shard):
            return cls(place, shard, place.read())

    @property
    def schema(self) -> StoreSchema:
        """The named vectors this store was created with."""
        return self._manifest.schema

    def metadata(self) -> dict[str, Any]:
        """What `set_metadata` last wrote; empty for a new store."""
        return copy.deepcopy(dict(self._manifest.metadata))

    def set_metadata(self, values: Mapping[str, Any]) -> None:
        """Replace the store's JSON metadata, durably."""
        metadata = validation.checked_metadata(values)
        with self._writing, self._shard.engine():
            self._remember(replace(self._manifest, metadata=metadata))

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points whole, replacing any with the same ids; all or none.

        Now and then this seals what was written, which takes about a second.
        """
        points = validation.checked_points(self.schema, points)
        if not points:
            return
        added = sum(map(weight, points))
        with self._writing:
            require_space(self._folder, (self._unsealed + added) * _BYTES_PER_WEIGHT)
            self._note_replacement([point.id for point in points])
            converted = [edge_point(point) for point in points]
            with self._shard.engine() as engine:
                engine.update(edge.UpdateOperation.upsert_points(converted))
            self._writes += 1
            self._unsealed += added
            if self._unsealed >= SEAL_AT:
                self._compact()

    def delete(self, target: Sequence[str] | Filter) -> int:
        """Delete by ids or by filter; returns how many points there were."""
        if isinstance(target, Sequence):
            validation.check_ids(target)
            target = Ids(frozenset(target))
        where = edge_filter(target)
        with self._writing:
            doomed = self._count(where)
            if doomed:
                self._remember(replace(self._manifest, rewritten=True))
                with self._shard.engine() as engine:
                    engine.update(edge.UpdateOperation.delete_points_by_filter(where))
                self._writes += 1
        return doomed

    def get(
        self, ids: Sequence[str], *, payload: bool = True, vectors: Sequence[str] = ()
    ) -> list[Record]:
        """Points in the order of `ids`; unknown ids are left out."""
        validation.check_ids(ids)
        validation.check_names(self.schema, vectors)
        found: dict[str, Record] = {}
        for batch in batched(list(filter(validation.is_canonical_id, ids)), PAGE):
            with self._shard.engine() as engine:
                records = engine.retrieve(list(batch), payload, list(vectors))
            found |= {str(record.id): record_of(record, self.schema) for record in records}
        return [found[point_id] for point_id in ids if point_id in found]

    def search_sparse(
        self, name: str, query: SparseVector, *, limit: int, where: Filter | None = None
    ) -> list[Scored]:
        """The `limit` best points by dot product, exact.

        Which of several equal scores at the cut are kept is the engine's choice.
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
        """The `limit` best points by dot product; equal scores as in `search_sparse`.

        `exact=False` permits the graph that `optimize` builds for a large index.
        """
        validation.check_dense_query(self.schema, name, query, limit)
        nearest = edge.Query.Nearest(query.tolist(), using=name)
        return self._search(nearest, limit, where, edge.SearchParams(exact=exact))

    def idf(self, name: str, indices: Sequence[int]) -> NDArray[np.float64]:
        """The factor `search_sparse` applies to each index, rounded to 6 significant digits.

        Measured: the best point for one index alone scores the factor times its stored value.
        """
        validation.check_sparse_name(self.schema, name)
        params = edge.SearchParams(idf=self._corpus(name))
        having = self._points(name)
        factors: list[float] = []
        for batch in batched(indices, PAGE):
            requests = [_single_index(name, index, params) for index in batch]
            with self._shard.engine() as engine:
                answers = engine.query_batch(edge.QueryBatchRequest(requests))
            factors += [
                recovered(hits[0].score / stored_value(hits[0], name, index), having)
                if hits
                else 0.0
                for hits, index in zip(answers, batch, strict=True)
            ]
        return np.asarray(factors, dtype=np.float64)

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
            request = edge.ScrollRequest(offset, page, condition, payload, list(vectors))
            with self._shard.engine() as engine:
                records, offset = engine.scroll(request)
            if records:
                yield [record_of(record, self.schema) for record in records]
            if offset is None:
                return

    def scan_sparse(
        self, name: str, *, columns: int, where: Filter | None = None, page: int = PAGE
    ) -> Iterator[SparsePage]:
        """One sparse vector of all matching points, in ascending order of id."""
        validation.check_sparse_name(self.schema, name)
        for records in self.scan(where=where, payload=False, vectors=[name], page=page):
            yield sparse_page(records, name, columns)

    def count(self, where: Filter | None = None) -> int:
        """Number of matching points, exact."""
        if where is None:
            return self._points()
        return self._count(edge_filter(where))

    def facet(self, key: str, *, where: Filter | None = None, limit: int = 100) -> dict[Any, int]:
        """Exact counts of the `limit` most frequent values of `key`, ties by value."""
        validation.check_limit(limit)
        if key in RESERVED:
            request = edge.FacetRequest(key, _FACET_VALUES, exact=True, filter=edge_filter(where))
            with self._shard.engine() as engine:
                hits = engine.facet(request).hits
            if len(hits) < _FACET_VALUES:
                return most_frequent({hit.value: hit.count for hit in hits if hit.count}, limit)
        return most_frequent(count_values(self.scan(where=where), key), limit)

    def flush(self) -> None:
        """Make everything written so far survive a power failure."""
        with self._writing:
            with self._shard.engine() as engine:
                engine.flush()
            self._remember(replace(self._manifest, unsealed=self._unsealed))

    def optimize(self) -> None:
        """Seal the open segment: a second or two.

        From `GRAPH_POINTS` on also merge segments and build the graph for
        `search_dense(exact=False)`: a minute or more per 100,000 points, during which the
        engine lets no other thread of this process run.
        """
        with self._writing:
            grown = self._manifest.graph or self.count() >= GRAPH_POINTS
            rewritten = min(2 * self._folder.size(), 2**31) if grown else 0
            require_space(self._folder, max(rewritten, self._unsealed * _BYTES_PER_WEIGHT))
            if grown and not self._manifest.graph:
                self._shard.reconfigure(self.schema)
                self._remember(replace(self._manifest, graph=True))
            self._compact()

    def info(self) -> StoreInfo:
        """Number of points and bytes on disk."""
        with self._shard.engine() as engine:
            return StoreInfo(engine.info().points_count, self._folder.size())

    def close(self) -> None:
        """Flush and release the folder; closing twice is harmless."""
        with self._writing:
            if self._closed:
                return
            self._closed = True
            with closing_on_error(self._shard):
                self.flush()
            self._shard.close()

    def _compact(self) -> None:
        self._shard.compact()
        self._unsealed = 0
        self._remember(replace(self._manifest, unsealed=0))

    def _remember(self, manifest: Manifest) -> None:
        if manifest != self._manifest:
            self._folder.write(manifest)
            self._manifest = manifest

    def _note_replacement(self, ids: Sequence[str]) -> None:
        """Note for `_corpus` if one of `ids` is about to be replaced."""
        if not self._manifest.rewritten and self._count(edge_filter(Ids(frozenset(ids)))):
            self._remember(replace(self._manifest, rewritten=True))

    def _points(self, name: str | None = None) -> int:
        """Number of points, or of those with that vector; counted once for every state of the
        store, because counting a large one takes milliseconds."""
        known = self._counted.get(name)
        if known is None or known[0] != self._writes:
            writes = self._writes
            having = edge.Filter(must=[edge.HasVectorCondition(name)]) if name else None
            known = self._counted[name] = (writes, self._count(having))
        return known[1]

    def _corpus(self, name: str) -> edge.IdfParams | None:
        """Have document frequencies counted afresh where replaced points would blur them.

        The engine's own counts are free, but keep deleted points until it compacts them away;
        a fresh count takes some 20 ns a point.
        """
        if self.schema.sparse[name] and self._manifest.rewritten:
            return edge.IdfParams(corpus=edge.Filter())
        return None

    def _count(self, where: edge.Filter | None) -> int:
        with self._shard.engine() as engine:
            return engine.count(edge.CountRequest(exact=True, filter=where))

    def _search(
        self, nearest: edge.Query, limit: int, where: Filter | None, params: edge.SearchParams
    ) -> list[Scored]:
        request = edge.QueryRequest(
            limit=limit, query=nearest, filter=edge_filter(where), params=params
        )
        with self._shard.engine() as engine:
            hits = engine.query(request)
        return ranked(Scored(str(hit.id), hit.score) for hit in hits)


def _single_index(name: str, index: int, params: edge.SearchParams) -> edge.QueryRequest:
    return edge.QueryRequest(
        limit=1,
        query=edge.Query.Nearest(edge.SparseVector([index], [1.0]), using=name),
        with_vector=[name],
        params=params,
    )
