"""The HTTP side: what a server's silences and refusals turn into."""

import socket

import numpy as np
import pytest
from oracle import SCHEMA
from pydantic import SecretStr
from qdrant_client import QdrantClient, models

from glassdex.errors import IndexMissingError, StoreError, StoreFullError, UsageError
from glassdex.store import client as client_module
from glassdex.store import client_collection, client_errors
from glassdex.store.client import ClientStore
from glassdex.store.types import Point, SparseVector


@pytest.fixture
def faults(server):
    """The server's faults, mended afterwards."""
    server.faults.requests.clear()
    yield server.faults
    server.faults.api_key, server.faults.delay = None, 0.0
    server.faults.statuses.clear()


@pytest.fixture
def remote(server, request):
    store = ClientStore.create(server.url, f"c-{abs(hash(request.node.name))}", SCHEMA)
    yield store
    store.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(client_errors, "WAITS", (0.01, 0.02))


def numbered(number: int, text: str = "") -> Point:
    return Point(f"00000000-0000-5000-8000-{number:012x}", {"text": text})


def assert_one_line(error: Exception, *parts: str) -> None:
    assert "\n" not in str(error)
    for part in parts:
        assert part in str(error)


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    for attempt in (ClientStore.open, lambda u, n: ClientStore.create(u, n, SCHEMA)):
        with pytest.raises(StoreError) as caught:
            attempt(url, "docs")
        assert_one_line(caught.value, url, "cannot be reached", "check the address")


@pytest.mark.parametrize("url", ["localhost:6333", "file:///etc/passwd", "http://", "qdrant"])
def test_an_address_that_is_none(url):
    with pytest.raises(UsageError, match="write it as http://HOST:PORT"):
        ClientStore.open(url, "docs")


def test_a_wrong_key_is_refused_and_never_shown(server, faults, caplog):
    faults.api_key = "right"
    with pytest.raises(StoreError) as caught:
        ClientStore.open(server.url, "docs", api_key=SecretStr("wrong-key"))
    assert_one_line(caught.value, "refused the key (HTTP 401)", "QDRANT_API_KEY")
    assert "wrong-key" not in str(caught.value) + caplog.text
    store = ClientStore.create(server.url, "keyed", SCHEMA, api_key=SecretStr("right"))
    assert store.count() == 0
    store.close()


def test_a_missing_collection_names_those_that_are_there(server, remote):
    with pytest.raises(IndexMissingError) as caught:
        ClientStore.open(server.url, "nowhere")
    assert_one_line(caught.value, "'nowhere'", remote._collection.name)


def test_a_collection_of_somebody_else(server):
    client = QdrantClient(url=server.url, check_compatibility=False)
    vectors = models.VectorParams(size=2, distance=models.Distance.DOT)
    client.create_collection("foreign", vectors_config=vectors)
    client.close()
    with pytest.raises(StoreError, match="was not made by glassdex"):
        ClientStore.open(server.url, "foreign")


def test_a_collection_is_not_made_over_another(server, remote):
    with pytest.raises(StoreError, match="is there already"):
        ClientStore.create(server.url, remote._collection.name, SCHEMA)


def test_passing_faults_are_waited_out(remote, faults):
    faults.statuses[:] = [503, 429]
    remote.upsert([numbered(1)])
    assert remote.count() == 1
    assert [path.rsplit("/", 1)[1] for _, path, _ in faults.requests] == ["points"] * 3 + ["count"]


def test_lasting_faults_are_reported(remote, faults):
    faults.statuses[:] = [503] * 3
    with pytest.raises(StoreError) as caught:
        remote.upsert([numbered(1)])
    assert_one_line(caught.value, "answered HTTP 503: fault")
    assert len(faults.requests) == 3


def test_a_refusal_is_not_repeated(remote, faults):
    faults.statuses[:] = [400]
    with pytest.raises(StoreError, match="HTTP 400"):
        remote.count()
    assert len(faults.requests) == 1


def test_the_server_s_disk_is_full(remote, faults):
    faults.statuses[:] = [507]
    with pytest.raises(StoreFullError):
        remote.upsert([numbered(1)])
    assert len(faults.requests) == 1


def test_no_answer_in_time(server, remote, faults, monkeypatch):
    monkeypatch.setattr(client_errors, "WAITS", ())
    monkeypatch.setattr(client_collection, "TIMEOUT", 1)
    faults.delay = 1.5
    with pytest.raises(StoreError, match="did not answer in time"):
        ClientStore.open(server.url, remote._collection.name)


def test_large_batches_are_cut(remote, faults, monkeypatch):
    monkeypatch.setattr(client_module, "REQUEST_BYTES", 100_000)
    rng = np.random.default_rng(0)
    batch = [
        Point(
            numbered(i).id,
            {"text": "é" * 500},
            {"dense": rng.normal(size=4).astype(np.float32)},
            {"bm25": SparseVector.of(rng.choice(2**32, 300, replace=False), rng.random(300))},
        )
        for i in range(60)
    ]
    remote.upsert(batch)
    sizes = [size for method, _, size in faults.requests if method == "PUT"]
    assert len(sizes) > 3
    assert max(sizes) <= 100_000
    assert remote.count() == 60


def test_two_openers_see_the_same(server, remote):
    other = ClientStore.open(server.url, remote._collection.name)
    remote.set_metadata({"a": 1})
    remote.upsert([numbered(1, "x")])
    assert other.schema == SCHEMA
    assert other.metadata() == {"a": 1}
    assert other.get([numbered(1).id]) == [numbered(1, "x")]
    other.close()
    other.close()
    with pytest.raises(StoreError, match="was closed"):
        other.count()
    assert remote.count() == 1


def test_a_client_handed_in_stays_open():
    client = QdrantClient(":memory:")
    store = ClientStore.create(client, "docs", SCHEMA)
    store.close()
    assert client.collection_exists("docs")
    client.close()
