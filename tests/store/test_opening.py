from uuid import uuid4

import pytest
from oracle import SCHEMA

from glassdex.errors import IndexMissingError, StoreBusyError, StoreError
from glassdex.store.opening import (
    FolderLocation,
    ServerLocation,
    delete_store,
    describe,
    open_store,
    store_exists,
)
from glassdex.store.types import Point, StoreSchema


@pytest.fixture(params=["folder", "server"])
def location(request, tmp_path):
    if request.param == "folder":
        return FolderLocation(tmp_path / "indexes" / "docs")
    return ServerLocation(request.getfixturevalue("server").url, uuid4().hex)


def test_made_found_opened_and_deleted(location):
    assert not store_exists(location)
    for create in (lambda: open_store(location), lambda: delete_store(location)):
        with pytest.raises(IndexMissingError):
            create()
    with pytest.raises(StoreError, match="without a schema"):
        open_store(location, create=True)
    store = open_store(location, schema=SCHEMA, create=True)
    store.upsert([Point(str(uuid4()), {})])
    store.close()
    assert store_exists(location)
    store = open_store(location, schema=SCHEMA, create=True)
    assert store.count() == 1
    store.close()
    delete_store(location)
    assert not store_exists(location)


def test_an_index_of_other_vectors_is_refused_and_released(location):
    open_store(location, schema=SCHEMA, create=True).close()
    with pytest.raises(StoreError, match="index into another name"):
        open_store(location, schema=StoreSchema({"dense": 5}, {}), create=True)
    open_store(location).close()


def test_an_open_folder_is_not_deleted(tmp_path):
    location = FolderLocation(tmp_path / "docs")
    store = open_store(location, schema=SCHEMA, create=True)
    with pytest.raises(StoreBusyError):
        delete_store(location)
    assert store.count() == 0
    store.close()
    (tmp_path / "docs" / "notes.txt").write_text("mine")
    delete_store(location)
    assert [path.name for path in (tmp_path / "docs").iterdir()] == ["notes.txt"]


def test_a_location_is_described_without_its_key():
    location = ServerLocation("http://host:6333", "docs", api_key="secret")
    assert describe(location) == "http://host:6333 (collection docs)"
