"""One fixture of engines for the contract suite, and the server they share."""

import os
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from qdrant_client import QdrantClient

sys.path.insert(0, str(Path(__file__).parent))  # loopback, oracle: shared by the tests here

from loopback import Server, serving
from oracle import SCHEMA, empty

from glassdex.store.client import ClientStore
from glassdex.store.edge import EdgeStore
from glassdex.store.memory import MemoryStore
from glassdex.store.protocol import Store

ENGINES = ("memory", "edge", "client-memory", "client-http", "server")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture(scope="session", params=ENGINES)
def make_store(request, tmp_path_factory) -> Iterator[Callable[..., Store]]:
    """Makes empty stores of one engine; every test that uses it runs on all engines."""
    opened: list[Store] = []
    make = _maker(request, tmp_path_factory)

    def make_and_keep(schema=SCHEMA) -> Store:
        opened.append(make(schema))
        return opened[-1]

    make_and_keep.engine = request.param
    yield make_and_keep
    for store in opened:
        store.close()


def _maker(request, tmp_path_factory):
    if request.param == "memory":
        return MemoryStore
    if request.param == "edge":
        folder, number = tmp_path_factory.mktemp("edge"), count()
        return lambda schema: EdgeStore.create(folder / str(next(number)), schema)
    if request.param == "client-memory":
        client = QdrantClient(":memory:")
        request.addfinalizer(client.close)
        return lambda schema: ClientStore.create(client, uuid4().hex, schema)
    if request.param == "client-http":
        url = request.getfixturevalue("server").url
        return lambda schema: ClientStore.create(url, uuid4().hex, schema)
    url = os.environ.get("QDRANT_URL")
    if url is None:
        pytest.skip("no Qdrant server: set QDRANT_URL to run the contract on one")
    return lambda schema: ClientStore.create(url, f"glassdex-test-{uuid4().hex}", schema)


@pytest.fixture(scope="session")
def shared_store(make_store) -> Store:
    """One store per engine, for tests that empty it themselves."""
    return make_store()


@pytest.fixture(scope="session")
def extreme_store(make_store) -> Store:
    """Another, for values so large that a dot product of them overflows."""
    return make_store()


@pytest.fixture
def store(shared_store) -> Store:
    empty(shared_store)
    return shared_store
