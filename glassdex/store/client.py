"""The index on a Qdrant server or cluster, over HTTP; in tests also in the client's memory."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import SecretStr
from qdrant_client import QdrantClient, models

from glassdex.errors import StoreError
from glassdex.store import validation
from glassdex.store.client_collection import Collection
from glassdex.store.client_dialect import (
    client_filter,
    client_point,
    client_sparse,
    record_of,
    request_bytes,
    stored_value,
)
from glassdex.store.facets import count_values, most_frequent
from glassdex.store.filters import RESERVED, Filter, Ids
from glassdex.store.idf import recovered
from glassdex.store.pages import batched, cut, ranked, sparse_page
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

REQUEST_BYTES = 16 * 2**20
"""Largest write sent at once; servers refuse more than 32 MB."""

_FACET_VALUES = 10_000
"""Distinct values up to which the server counts them; more are counted by reading payloads."""

_IDF_BATCH = 100


class ClientStore:
    """A store in one collection of a Qdrant server or cluster.

    Any number of processes may have it open. What a method has written is in the server's
    write-ahead log when it returns.
    """

    def __init__(self, collection: Collection, schema: StoreSchema) -> None:
        self._collection = collection
        self._schema = schema
        self._exact = None if collection.is_local else models.SearchParams(exact=True)

    @classmethod
    def create(
        cls,
        server: QdrantClient | str,
        name: str,
        schema: StoreSchema,
        *,
        api_key: SecretStr | None = None,
        shards: int | None = None,
        replicas: int | None = None,
    ) -> Self:
        """A new, empty collection on `server`, an address or a connected client.

        `shards` and `replicas` are for clusters; None leaves them to the server. Raises
        StoreError if the collection is there already.
        """
        validation.check_schema(schema)
        collection = Collection(server, name, api_key)
        if collection.exists():
            raise StoreError(f"{collection} is there already: open it, or delete it first")
        collection.create(schema, shards, replicas)
        return cls(collection, schema)

    @classmethod
    def open(
        cls, server: QdrantClient | str, name: str, *, api_key: SecretStr | None = None
    ) -> Self:
        """The collection `name` on `server`. Raises IndexMissingError if it is not there."""
        collection = Collection(server, name, api_key)
        schema, _ = collection.read()
        return cls(collection, schema)

    @property
    def schema(self) -> StoreSchema:
        """The named vectors this store was created with."""
        return self._schema

    def metadata(self) -> dict[str, Any]:
        """What `set_metadata` last wrote, here or elsewhere; empty for a new store."""
        return self._collection.read()[1]

    def set_metadata(self, values: Mapping[str, Any]) -> None:
        """Replace the store's JSON metadata, durably."""
        self._collection.write(self._schema, validation.checked_metadata(values))

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points whole, replacing any with the same ids.

        All are checked before any is sent. More than `REQUEST_BYTES` go in several requests,
        of which the first ones stand if a later one fails; repeating the call is harmless.
        """
        points = validation.checked_points(self._schema, points)
        for batch in cut(points, request_bytes, REQUEST_BYTES):
            self._send([client_point(point) for point in batch])

    def delete(self, target: Sequence[str] | Filter) -> int:
        """Delete by ids or by filter; returns how many points there were."""
        if isinstance(target, Sequence):
            validation.check_ids(target)
            target = Ids(frozenset(target))
        condition, name = client_filter(target), self._collection.name
        doomed = self._count(condition)
        if doomed:
            selector = models.FilterSelector(filter=condition)
            self._collection.call(lambda client: client.delete(name, selector, wait=True))
        return doomed

    def get(
        self, ids: Sequence[str], *, payload: bool = True, vectors: Sequence[str] = ()
    ) -> list[Record]:
        """Points in the order of `ids`; unknown ids are left out."""
        validation.check_ids(ids)
        validation.check_names(self._schema, vectors)
        found: dict[str, Record] = {}
        for batch in batched(list(filter(validation.is_canonical_id, ids)), PAGE):
            records = self._retrieve(batch, payload, vectors)
            found |= {str(record.id): record_of(record, self._schema) for record in records}
        return [found[point_id] for point_id in ids if point_id in found]

    def search_sparse(
        self, name: str, query: SparseVector, *, limit: int, where: Filter | None = None
    ) -> list[Scored]:
        """The `limit` best points by dot product, exact.

        Which of several equal scores at the cut are kept is the server's choice.
        """
        validation.check_sparse_query(self._schema, name, query, limit)
        return self._search(name, client_sparse(query), limit, where, None)

    def search_dense(
        self,
        name: str,
        query: NDArray[np.float32],
        *,
        limit: int,
        where: Filter | None = None,
        exact: bool = True,
    ) -> list[Scored]:
        """The `limit` best points by dot product; equal scores as in `search_sparse`."""
        validation.check_dense_query(self._schema, name, query, limit)
        return self._search(name, query.tolist(), limit, where, self._exact if exact else None)

    def idf(self, name: str, indices: Sequence[int]) -> NDArray[np.float64]:
        """The factor `search_sparse` applies to each index, rounded to 6 significant digits.

        Measured: the best point for one index alone scores the factor times its stored value.
        A cluster counts per shard, and this is then the factor of that point's shard.
        """
        validation.check_sparse_name(self._schema, name)
        having = self._count(models.Filter(must=[models.HasVectorCondition(has_vector=name)]))
        factors: list[float] = []
        for batch in batched(indices, _IDF_BATCH):
            answers = self._best_alone(name, batch)
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
        validation.check_names(self._schema, vectors)
        validation.check_limit(page)
        condition, offset = client_filter(where), None
        while True:
            records, offset = self._scroll(condition, page, offset, payload, vectors)
            if records:
                yield [record_of(record, self._schema) for record in records]
            if offset is None:
                return

    def scan_sparse(
        self, name: str, *, columns: int, where: Filter | None = None, page: int = PAGE
    ) -> Iterator[SparsePage]:
        """One sparse vector of all matching points, in ascending order of id."""
        validation.check_sparse_name(self._schema, name)
        for records in self.scan(where=where, payload=False, vectors=[name], page=page):
            yield sparse_page(records, name, columns)

    def count(self, where: Filter | None = None) -> int:
        """Number of matching points, exact."""
        return self._count(client_filter(where))

    def facet(self, key: str, *, where: Filter | None = None, limit: int = 100) -> dict[Any, int]:
        """Exact counts of the `limit` most frequent values of `key`, ties by value."""
        validation.check_limit(limit)
        if key in RESERVED:
            condition, name = client_filter(where), self._collection.name
            hits = self._collection.call(
                lambda client: client.facet(name, key, condition, _FACET_VALUES, exact=True)
            ).hits
            if len(hits) < _FACET_VALUES:
                return most_frequent({hit.value: hit.count for hit in hits if hit.count}, limit)
        return most_frequent(count_values(self.scan(where=where), key), limit)

    def flush(self) -> None:
        """Nothing to do: every write waits for the server's log."""

    def optimize(self) -> None:
        """Nothing to do: the server optimizes by itself."""

    def info(self) -> StoreInfo:
        """Number of points; the server keeps its disk to itself."""
        return StoreInfo(points=self.count(), bytes=None)

    def close(self) -> None:
        """Close the connection, unless it was handed in; closing twice is harmless."""
        self._collection.close()

    def _send(self, structs: list[models.PointStruct]) -> None:
        name = self._collection.name
        self._collection.call(lambda client: client.upsert(name, structs, wait=True))

    def _retrieve(
        self, ids: Sequence[str], payload: bool, vectors: Sequence[str]
    ) -> list[models.Record]:
        name = self._collection.name
        return self._collection.call(
            lambda client: client.retrieve(name, list(ids), payload, list(vectors) or False)
        )

    def _scroll(
        self,
        condition: models.Filter | None,
        page: int,
        offset: models.ExtendedPointId | None,
        payload: bool,
        vectors: Sequence[str],
    ) -> tuple[list[models.Record], models.ExtendedPointId | None]:
        return self._collection.call(
            lambda client: client.scroll(
                self._collection.name,
                scroll_filter=condition,
                limit=page,
                offset=offset,
                with_payload=payload,
                with_vectors=list(vectors) or False,
            )
        )

    def _search(
        self,
        using: str,
        query: models.SparseVector | list[float],
        limit: int,
        where: Filter | None,
        params: models.SearchParams | None,
    ) -> list[Scored]:
        condition = client_filter(where)
        answer = self._collection.call(
            lambda client: client.query_points(
                self._collection.name,
                query=query,
                using=using,
                query_filter=condition,
                search_params=params,
                limit=limit,
                with_payload=False,
            )
        )
        return ranked(Scored(str(hit.id), hit.score) for hit in answer.points)

    def _best_alone(self, name: str, indices: Sequence[int]) -> list[list[models.ScoredPoint]]:
        """The best point for each index on its own."""
        requests = [
            models.QueryRequest(
                query=models.SparseVector(indices=[index], values=[1.0]),
                using=name,
                limit=1,
                with_vector=[name],
            )
            for index in indices
        ]
        answers = self._collection.call(
            lambda client: client.query_batch_points(self._collection.name, requests)
        )
        return [answer.points for answer in answers]

    def _count(self, condition: models.Filter | None) -> int:
        return self._collection.call(
            lambda client: client.count(self._collection.name, condition, exact=True)
        ).count
