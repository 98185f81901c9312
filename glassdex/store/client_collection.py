"""A collection on a Qdrant server: the connection to it, and what is kept beside its points."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr
from qdrant_client import QdrantClient, models

from glassdex.errors import IndexMissingError, StoreError, UsageError
from glassdex.store.client_errors import call
from glassdex.store.filters import RESERVED
from glassdex.store.types import StoreSchema

T = TypeVar("T")

TIMEOUT = 60
"""Seconds the server has for one answer."""

_KEY = "glassdex"
"""Entry of the collection's metadata that holds ours, as JSON text: servers merge entries."""

_log = logging.getLogger(__name__)


class Collection:
    """A collection that may or may not exist yet. Methods raise StoreError, no client's error."""

    def __init__(
        self, server: QdrantClient | str, name: str, api_key: SecretStr | None = None
    ) -> None:
        """`server` is an address, or a client that stays its owner's to close."""
        self.name = name
        self._owned = isinstance(server, str)
        self._client = _connect(server, api_key) if isinstance(server, str) else server
        self._closed = False
        options = self._client.init_options
        self.is_local = options.get("location") == ":memory:" or options.get("path") is not None
        self.address = str(options.get("url") or options.get("location") or options.get("path"))

    def __str__(self) -> str:
        return f"the collection {self.name!r} on {self.address}"

    def call(self, request: Callable[[QdrantClient], T]) -> T:
        """The answer to one request, repeated where that may help."""
        if self._closed:
            raise StoreError(f"{self} was closed: open it again")
        return call(str(self), lambda: request(self._client))

    def exists(self) -> bool:
        """Whether it is there."""
        return self.call(lambda client: client.collection_exists(self.name))

    def create(self, schema: StoreSchema, shards: int | None, replicas: int | None) -> None:
        """Make it, empty, with what can stay on disk on disk."""
        self.call(
            lambda client: client.create_collection(
                self.name,
                vectors_config=_dense_config(schema),
                sparse_vectors_config=_sparse_config(schema),
                on_disk_payload=True,
                shard_number=shards,
                replication_factor=replicas,
                metadata=_entry(schema, {}),
            )
        )
        for key in () if self.is_local else sorted(RESERVED):
            self._index_payload(key)

    def _index_payload(self, key: str) -> None:
        self.call(
            lambda client: client.create_payload_index(
                self.name, key, models.PayloadSchemaType.KEYWORD, wait=True
            )
        )

    def read(self) -> tuple[StoreSchema, dict[str, Any]]:
        """Its schema and metadata. Raises IndexMissingError, naming the collections there are."""
        if not self.exists():
            others = self.call(lambda client: client.get_collections()).collections
            names = ", ".join(sorted(other.name for other in others)[:20])
            raise IndexMissingError(
                f"{self} is not there (the server has {names or 'none'}): make it with "
                "`glassdex index`"
            )
        config = self.call(lambda client: client.get_collection(self.name)).config
        try:
            ours = json.loads((config.metadata or {})[_KEY])
            return StoreSchema.from_json(ours["schema"]), dict(ours["metadata"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StoreError(
                f"{self} was not made by glassdex, or its server is older than 1.16, which keeps "
                "no metadata: choose another collection, or a newer server"
            ) from error

    def write(self, schema: StoreSchema, metadata: Mapping[str, Any]) -> None:
        """Replace the metadata."""
        entry = _entry(schema, metadata)
        self.call(lambda client: client.update_collection(self.name, metadata=entry))

    def drop(self) -> None:
        """Delete it for good."""
        self.call(lambda client: client.delete_collection(self.name))

    def close(self) -> None:
        """Close the connection, if it was made here; closing twice is harmless."""
        if self._owned and not self._closed:
            self._client.close()
        self._closed = True


def _entry(schema: StoreSchema, metadata: Mapping[str, Any]) -> dict[str, str]:
    return {_KEY: json.dumps({"schema": schema.to_json(), "metadata": dict(metadata)})}


def _connect(url: str, api_key: SecretStr | None) -> QdrantClient:
    """A client for `url`; nothing is sent yet."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"cannot use the address {url!r}: write it as http://HOST:PORT")
    if api_key and parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1"}:
        _log.warning("the key is sent to %s without encryption: use https", parts.hostname)
    headers = {"api-key": api_key.get_secret_value()} if api_key else None
    return QdrantClient(url=url, headers=headers, timeout=TIMEOUT, check_compatibility=False)


def _dense_config(schema: StoreSchema) -> dict[str, models.VectorParams]:
    """Stored vectors are unit vectors already: the dot product leaves them as they are."""
    return {
        name: models.VectorParams(
            size=dimension,
            distance=models.Distance.DOT,
            on_disk=True,
            datatype=_datatype(schema, name),
        )
        for name, dimension in schema.dense.items()
    }


def _sparse_config(schema: StoreSchema) -> dict[str, models.SparseVectorParams]:
    return {
        name: models.SparseVectorParams(
            index=models.SparseIndexParams(on_disk=True, datatype=_datatype(schema, name)),
            modifier=models.Modifier.IDF if weighted else None,
        )
        for name, weighted in schema.sparse.items()
    }


def _datatype(schema: StoreSchema, name: str) -> models.Datatype:
    return models.Datatype.FLOAT16 if name in schema.half else models.Datatype.FLOAT32
