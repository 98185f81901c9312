"""What only the embedded engine has: a folder, one owner, a disk that fills, sudden death."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from oracle import SCHEMA

from glassdex.errors import IndexMissingError, StoreBusyError, StoreError, StoreFullError
from glassdex.store import edge, edge_shard
from glassdex.store.edge import EdgeStore
from glassdex.store.filters import AnyOf
from glassdex.store.types import Point, SparseVector, StoreSchema

VECTORS = ["dense", "latents", "bm25"]


def numbered(number: int, **payload) -> Point:
    """A point wholly determined by its number."""
    rng = np.random.default_rng(number)
    sparse = {
        name: SparseVector.of(rng.choice(60, 12, replace=False), rng.random(12) + 0.1)
        for name in SCHEMA.sparse
    }
    return Point(
        f"00000000-0000-5000-8000-{number:012x}",
        {"dataset": "ab"[number % 2], "metadata": {"number": number}} | payload,
        {"dense": rng.normal(size=4).astype(np.float32)},
        sparse,
    )


def assert_whole(store, numbers) -> None:
    wanted = [numbered(number) for number in numbers]
    found = store.get([point.id for point in wanted], vectors=VECTORS)
    assert [record.id for record in found] == [point.id for point in wanted]
    for mine, theirs in zip(found, wanted, strict=True):
        assert mine.payload == theirs.payload
        assert mine.sparse == theirs.sparse
        assert mine.dense["dense"].tobytes() == theirs.dense["dense"].tobytes()


def test_what_was_written_is_there_after_reopening(tmp_path):
    with_points = EdgeStore.create(tmp_path / "index", SCHEMA)
    with_points.upsert([numbered(i) for i in range(50)])
    with_points.set_metadata({"fingerprint": "f"})
    with_points.close()
    with_points.close()
    again = EdgeStore.open(tmp_path / "index")
    assert again.schema == SCHEMA
    assert again.metadata() == {"fingerprint": "f"}
    assert_whole(again, range(50))
    assert 0 < again.info().bytes < 64 * 2**20
    again.close()


def test_a_missing_index_names_what_is_there(tmp_path):
    for name in ("wiki", "reviews"):
        EdgeStore.create(tmp_path / name, SCHEMA).close()
    with pytest.raises(IndexMissingError, match="beside it: reviews, wiki"):
        EdgeStore.open(tmp_path / "wikipedia")
    with pytest.raises(IndexMissingError, match="not even the folder"):
        EdgeStore.open(tmp_path / "no" / "where")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reviews", "wiki"]


def test_an_index_is_not_made_over_another(tmp_path):
    EdgeStore.create(tmp_path, SCHEMA).close()
    with pytest.raises(StoreError, match="already"):
        EdgeStore.create(tmp_path, SCHEMA)


def test_a_second_opener_is_told_at_once(tmp_path):
    store = EdgeStore.create(tmp_path / "index", SCHEMA)
    with pytest.raises(StoreBusyError, match="close that one") as caught:
        EdgeStore.open(tmp_path / "index")
    assert str(tmp_path / "index") in str(caught.value)
    assert "\n" not in str(caught.value)
    script = (
        "import sys; from pathlib import Path; from glassdex.store.edge import EdgeStore\n"
        "from glassdex.errors import StoreBusyError\n"
        "try: EdgeStore.open(Path(sys.argv[1]))\n"
        "except StoreBusyError as error: sys.exit(75)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "index")], check=False)
    assert done.returncode == 75
    store.upsert([numbered(1)])  # the owner is not disturbed
    assert store.count() == 1
    store.close()
    EdgeStore.open(tmp_path / "index").close()


def test_a_closed_store_says_so(tmp_path):
    store = EdgeStore.create(tmp_path, SCHEMA)
    store.close()
    for use in (store.count, store.flush, store.optimize, lambda: store.set_metadata({})):
        with pytest.raises(StoreError, match="was closed: open it again"):
            use()


@pytest.mark.parametrize("raw", ["", "{", "[]", '{"format": 1}', '{"format": 1, "schema": 3}'])
def test_a_damaged_manifest_is_one_clear_error(tmp_path, raw):
    EdgeStore.create(tmp_path, SCHEMA).close()
    (tmp_path / "store.json").write_text(raw)
    with pytest.raises(StoreError, match=r"cannot read .*store\.json"):
        EdgeStore.open(tmp_path)


def test_an_index_of_another_version_is_refused(tmp_path):
    EdgeStore.create(tmp_path, SCHEMA).close()
    manifest = json.loads((tmp_path / "store.json").read_text())
    (tmp_path / "store.json").write_text(json.dumps(manifest | {"format": 2}))
    with pytest.raises(StoreError, match="has format 2, this version reads 1"):
        EdgeStore.open(tmp_path)


def test_damaged_engine_files_are_one_clear_error(tmp_path):
    EdgeStore.create(tmp_path, SCHEMA).close()
    (tmp_path / "shard" / "edge_config.json").write_text("{")
    with pytest.raises(StoreError, match=str(tmp_path)) as caught:
        EdgeStore.open(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_killed_creation_is_made_again(tmp_path):
    EdgeStore.create(tmp_path, SCHEMA).close()
    (tmp_path / "store.json").unlink()  # written last: this is what a kill leaves
    with pytest.raises(IndexMissingError):
        EdgeStore.open(tmp_path)
    store = EdgeStore.create(tmp_path, StoreSchema({"dense": 2}, {}))
    assert store.schema.dense == {"dense": 2}
    store.close()


def test_a_full_disk_is_refused_before_it_kills(tmp_path, monkeypatch):
    store = EdgeStore.create(tmp_path, SCHEMA)
    store.upsert([numbered(1)])
    usage = namedtuple("usage", "total used free")  # noqa: PYI024
    nearly_full = usage(10**9, 10**9 - 2**20, 2**20)
    monkeypatch.setattr(edge_shard.shutil, "disk_usage", lambda path: nearly_full)
    for attempt in (lambda: store.upsert([numbered(2)]), store.optimize):
        with pytest.raises(StoreFullError, match="free some space") as caught:
            attempt()
        assert str(tmp_path) in str(caught.value)
    assert store.count() == 1
    store.close()
    with pytest.raises(StoreFullError):
        EdgeStore.open(tmp_path)


def test_sealing_keeps_answers_and_is_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(edge, "SEAL_AT", 60_000)
    store = EdgeStore.create(tmp_path, SCHEMA)
    for start in range(0, 900, 50):
        store.upsert([numbered(i) for i in range(start, start + 50)])
    store.close()
    manifest = json.loads((tmp_path / "store.json").read_text())
    assert 0 < manifest["unsealed"] < 60_000
    assert not manifest["rewritten"]
    store = EdgeStore.open(tmp_path)
    store.upsert([numbered(i) for i in range(900, 1000)])
    assert_whole(store, range(1000))
    assert store.facet("dataset") == {"a": 500, "b": 500}
    store.close()


def test_searching_goes_on_while_the_store_is_optimized(tmp_path, monkeypatch):
    monkeypatch.setattr(edge, "GRAPH_POINTS", 650)  # the second time the engine is exchanged
    store = EdgeStore.create(tmp_path, SCHEMA)
    store.upsert([numbered(i) for i in range(600)])
    query, done, answers, faults = numbered(7).sparse["bm25"], threading.Event(), [], []

    def search() -> None:
        while not done.is_set():
            try:
                answers.append([h.id for h in store.search_sparse("bm25", query, limit=3)])
            except StoreError as error:
                faults.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for start in (600, 700):
        store.optimize()
        store.upsert([numbered(i) for i in range(start, start + 100)])
    done.set()
    for thread in threads:
        thread.join()
    assert_whole(store, range(800))
    nearest = store.search_dense("dense", numbered(5).dense["dense"], limit=800, exact=False)
    assert len(nearest) == 800
    store.close()
    assert json.loads((tmp_path / "store.json").read_text())["graph"]
    assert not faults
    assert all(answer[0] == numbered(7).id for answer in answers)
    assert answers


def test_document_frequencies_leave_out_replaced_points(tmp_path):
    store = EdgeStore.create(tmp_path, StoreSchema({}, {"bm25": True}))
    ids = [numbered(i).id for i in range(100)]

    def write(numbers, indices) -> None:
        vector = SparseVector.of(indices, np.ones(len(indices)))
        store.upsert([Point(ids[i], {}, {}, {"bm25": vector}) for i in numbers])

    write(range(30), [1, 2])
    write(range(30, 100), [1])
    fresh = store.idf("bm25", [2])[0]
    assert fresh == pytest.approx(np.log(1 + 70.5 / 30.5), rel=1e-5)
    store.delete(ids[:10])
    store.optimize()
    write(range(10, 15), [1])
    # 90 points, of which 15 still have index 2
    assert store.idf("bm25", [2])[0] == pytest.approx(np.log(1 + 75.5 / 15.5), rel=1e-5)
    [hit] = store.search_sparse("bm25", SparseVector.of([2], [1]), limit=1)
    assert hit.score == pytest.approx(np.log(1 + 75.5 / 15.5), rel=1e-5)
    store.close()


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_edge import numbered
from glassdex.store import edge
from glassdex.store.edge import EdgeStore

edge.SEAL_AT = 100_000
store = EdgeStore.open(Path(sys.argv[1]))
for start in range(int(sys.argv[2]), 10**6, 40):
    store.upsert([numbered(i) for i in range(start, start + 40)])
    if start // 40 % 3 == 0:
        store.flush()
    print(start + 40, flush=True)
"""


@pytest.mark.slow
def test_killed_while_writing_loses_nothing_acknowledged(tmp_path):
    """SIGKILL at random moments, some of them while a segment is sealed, then go on."""
    EdgeStore.create(tmp_path / "index", SCHEMA).close()
    script = WRITER.format(tests=str(Path(__file__).parent))
    moments = random.Random(11)
    acknowledged = 0
    for _ in range(4):
        command = [sys.executable, "-c", script, str(tmp_path / "index"), str(acknowledged)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        acknowledged = int(writer.stdout.readline())  # it has begun
        time.sleep(moments.uniform(0.05, 0.8))
        writer.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *map(int, writer.stdout.read().split())])
        writer.wait()
        writer.stdout.close()
        store = EdgeStore.open(tmp_path / "index")
        assert_whole(store, range(acknowledged))
        assert acknowledged <= store.count() <= acknowledged + 40
        odd = [
            h.id
            for h in store.search_sparse(
                "bm25", numbered(3).sparse["bm25"], limit=5, where=AnyOf("dataset", ("b",))
            )
        ]
        assert odd[0] == numbered(3).id
        store.close()
