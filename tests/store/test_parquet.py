import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import SCHEMA, any_float32, points, positive_float32

from glassdex.errors import InputError, UsageError
from glassdex.store.edge import EdgeStore
from glassdex.store.memory import MemoryStore
from glassdex.store.parquet import export_store, import_store, read_header
from glassdex.store.types import Point, StoreSchema

VECTORS = ["dense", "latents", "bm25"]


def everything(store):
    return [
        (
            record.id,
            json.dumps(record.payload, sort_keys=True),
            {name: vector.tobytes() for name, vector in record.dense.items()},
            {name: (v.indices.tobytes(), v.values.tobytes()) for name, v in record.sparse.items()},
        )
        for page in store.scan(vectors=VECTORS)
        for record in page
    ]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batch=st.lists(points(dense=any_float32, sparse=positive_float32), max_size=8))
def test_a_store_comes_back_bit_for_bit(tmp_path, batch):
    store, copy = MemoryStore(SCHEMA), MemoryStore(SCHEMA)
    store.upsert(batch)
    store.set_metadata({"fingerprint": {"é": [1, 2.5, None]}})
    exported = export_store(store, tmp_path / "store.parquet")
    header = read_header(tmp_path / "store.parquet")
    assert header.schema == SCHEMA
    assert header.points == exported == store.count()
    assert import_store(tmp_path / "store.parquet", copy) == exported
    assert everything(copy) == everything(store)
    assert copy.metadata() == header.metadata == store.metadata()


def many(count: int) -> list[Point]:
    return [
        Point(f"00000000-0000-5000-8000-{i:012x}", {"text": str(i)}, {"dense": np.float32([i] * 4)})
        for i in range(count)
    ]


def test_from_one_engine_into_another(tmp_path):
    memory = MemoryStore(SCHEMA)
    memory.upsert(many(2500))
    export_store(memory, tmp_path / "out" / "store.parquet")
    edge = EdgeStore.create(tmp_path / "index", SCHEMA)
    assert import_store(tmp_path / "out" / "store.parquet", edge) == 2500
    assert everything(edge) == everything(memory)
    edge.close()


def test_rows_are_written_in_groups_of_a_page(tmp_path):
    store = MemoryStore(SCHEMA)
    store.upsert(many(2500))
    export_store(store, tmp_path / "store.parquet")
    file = pq.ParquetFile(tmp_path / "store.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(3)] == [1000, 1000, 500]
    assert file.read(["id"]).column("id")[2499].as_py() == many(2500)[-1].id


@pytest.mark.parametrize("keep", [0, 3, 100, 5000, -1])
def test_a_truncated_file_is_one_clear_error(tmp_path, keep):
    store = MemoryStore(SCHEMA)
    store.upsert(many(1500))
    export_store(store, tmp_path / "whole")
    (tmp_path / "cut").write_bytes((tmp_path / "whole").read_bytes()[:keep])
    for read in (read_header, lambda path: import_store(path, MemoryStore(SCHEMA))):
        with pytest.raises(InputError, match="cut as an exported index") as caught:
            read(tmp_path / "cut")
        assert "\n" not in str(caught.value)


def test_a_damaged_page_is_one_clear_error(tmp_path):
    store = MemoryStore(SCHEMA)
    store.upsert(many(1500))
    export_store(store, tmp_path / "whole")
    raw = bytearray((tmp_path / "whole").read_bytes())
    raw[200:2000] = bytes(1800)
    (tmp_path / "damaged").write_bytes(raw)
    with pytest.raises(InputError, match="damaged"):
        import_store(tmp_path / "damaged", MemoryStore(SCHEMA))


def test_a_foreign_file_is_one_clear_error(tmp_path):
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "foreign.parquet")
    with pytest.raises(InputError, match="not an exported index"):
        read_header(tmp_path / "foreign.parquet")
    with pytest.raises(InputError, match="missing"):
        read_header(tmp_path / "nowhere.parquet")


def test_a_header_of_another_version_is_refused(tmp_path):
    header = {"format": 2, "schema": {"dense": {}, "sparse": {}}, "metadata": {}}
    for raw in (json.dumps(header), "{}", "no json"):
        table = pa.table({"id": ["a"]}).replace_schema_metadata({"glassdex.store": raw})
        pq.write_table(table, tmp_path / "other.parquet")
        with pytest.raises(InputError, match="export again"):
            read_header(tmp_path / "other.parquet")


def test_a_store_of_other_vectors_is_refused(tmp_path):
    export_store(MemoryStore(SCHEMA), tmp_path / "store.parquet")
    with pytest.raises(UsageError, match="import into a new index"):
        import_store(tmp_path / "store.parquet", MemoryStore(StoreSchema()))


def test_a_failed_export_leaves_the_former_file(tmp_path):
    class Failing(MemoryStore):
        def scan(self, **options):
            yield from super().scan(**options)
            raise OSError(28, "No space left on device")

    store = Failing(SCHEMA)
    (tmp_path / "store.parquet").write_text("former")
    with pytest.raises(Exception, match="full"):
        export_store(store, tmp_path / "store.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["store.parquet"]
    assert (tmp_path / "store.parquet").read_text() == "former"
