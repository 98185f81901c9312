"""Where an index lives, and how to open, make, find and delete it there."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from glassdex.errors import StoreError
from glassdex.store.edge_folder import IndexFolder
from glassdex.store.protocol import Store
from glassdex.store.types import StoreSchema


@dataclass(frozen=True, slots=True)
class FolderLocation:
    """An embedded index in a folder of this machine."""

    path: Path


@dataclass(frozen=True, slots=True)
class ServerLocation:
    """A collection of a Qdrant server or cluster.

    shards, replicas: used when the collection is made; None leaves them to the server.
    """

    url: str
    collection: str
    api_key: SecretStr | None = None
    shards: int | None = None
    replicas: int | None = None


Location = FolderLocation | ServerLocation


def open_store(
    location: Location, *, schema: StoreSchema | None = None, create: bool = False
) -> Store:
    """The index at `location`.

    With `create`, one is made if none is there, with the given `schema`. Raises
    IndexMissingError, StoreBusyError, or StoreError if `schema` is not the index's own.
    """
    if create and not store_exists(location):
        if schema is None:
            raise StoreError(f"cannot make an index at {describe(location)} without a schema")
        return _create(location, schema)
    store = _open(location)
    if schema is not None and schema != store.schema:
        found = store.schema
        store.close()
        raise StoreError(
            f"the index at {describe(location)} has the vectors {found.to_json()}, wanted "
            f"{schema.to_json()}: index into another name"
        )
    return store


def store_exists(location: Location) -> bool:
    """Whether there is an index at `location`; it is not opened."""
    if isinstance(location, FolderLocation):
        return IndexFolder(location.path).exists()
    from glassdex.store.client_collection import Collection

    collection = Collection(location.url, location.collection, location.api_key)
    try:
        return collection.exists()
    finally:
        collection.close()


def delete_store(location: Location) -> None:
    """Delete the index at `location` for good. Raises IndexMissingError, StoreBusyError."""
    if isinstance(location, FolderLocation):
        _open(location).close()  # refuses what is missing or in use
        IndexFolder(location.path).remove()
        return
    from glassdex.store.client_collection import Collection

    collection = Collection(location.url, location.collection, location.api_key)
    try:
        collection.read()  # refuses what is missing or not ours
        collection.drop()
    finally:
        collection.close()


def describe(location: Location) -> str:
    """The location as shown to a user; never the key."""
    if isinstance(location, FolderLocation):
        return str(location.path)
    return f"{location.url} (collection {location.collection})"


def _create(location: Location, schema: StoreSchema) -> Store:
    if isinstance(location, FolderLocation):
        from glassdex.store.edge import EdgeStore

        return EdgeStore.create(location.path, schema)
    from glassdex.store.client import ClientStore

    return ClientStore.create(
        location.url,
        location.collection,
        schema,
        api_key=location.api_key,
        shards=location.shards,
        replicas=location.replicas,
    )


def _open(location: Location) -> Store:
    if isinstance(location, FolderLocation):
        from glassdex.store.edge import EdgeStore

        return EdgeStore.open(location.path)
    from glassdex.store.client import ClientStore

    return ClientStore.open(location.url, location.collection, api_key=location.api_key)
