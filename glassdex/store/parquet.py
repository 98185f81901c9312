"""A whole store in one Parquet file, and back: the way out of any engine, and into any other.

One row a point: `id`, `payload` (JSON text), `dense.NAME` (fixed-size list of float32),
`sparse.NAME` (struct of `indices` and `values`). Schema and metadata are JSON in the file's
key-value metadata. Values come back bit for bit; memory is bounded by one page.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from glassdex.errors import InputError, StoreError, StoreFullError, UsageError
from glassdex.store.edge_errors import is_disk_full
from glassdex.store.protocol import PAGE, Store
from glassdex.store.types import Point, Record, SparseVector, StoreSchema

T = TypeVar("T")

FORMAT = 1
_KEY = b"glassdex.store"


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about itself before any point is read."""

    schema: StoreSchema
    metadata: Mapping[str, Any]
    points: int


def export_store(store: Store, path: Path) -> int:
    """Write all points of `store` to `path`, which appears once it is complete.

    Returns the number of points. Raises StoreFullError or StoreError if it cannot be written.
    """
    schema = store.schema
    columns = _columns(schema).with_metadata({_KEY: _header_json(schema, store.metadata())})
    names = [*schema.dense, *schema.sparse]
    written = 0
    with (
        _replacing(path) as temporary,
        pq.ParquetWriter(temporary, columns, compression="zstd") as writer,
    ):
        for records in store.scan(vectors=names, page=PAGE):
            writer.write_batch(_batch(records, schema, columns))
            written += len(records)
    return written


def read_header(path: Path) -> Header:
    """Schema, metadata and size. Raises InputError if `path` is not a file of `export_store`."""
    with _reading(path) as file:
        return _header(path, file)


def import_store(path: Path, store: Store) -> int:
    """Write all points and the metadata of `path` into `store`; returns the number of points.

    Raises InputError on a damaged file, UsageError if `store` has other vectors.
    """
    with _reading(path) as file:
        header = _header(path, file)
        if header.schema != store.schema:
            raise UsageError(
                f"{path} has the vectors {header.schema.to_json()}, the index has "
                f"{store.schema.to_json()}: import into a new index"
            )
        for batch in file.iter_batches(batch_size=PAGE):
            store.upsert(_points(batch, header.schema))
    store.set_metadata(header.metadata)
    store.flush()
    return header.points


def _columns(schema: StoreSchema) -> pa.Schema:
    sparse = pa.struct([("indices", pa.list_(pa.uint32())), ("values", pa.list_(pa.float32()))])
    return pa.schema(
        [
            ("id", pa.string()),
            ("payload", pa.string()),
            *((f"dense.{name}", pa.list_(pa.float32(), n)) for name, n in schema.dense.items()),
            *((f"sparse.{name}", sparse) for name in schema.sparse),
        ]
    )


def _header_json(schema: StoreSchema, metadata: Mapping[str, Any]) -> bytes:
    header = {"format": FORMAT, "schema": schema.to_json(), "metadata": dict(metadata)}
    return json.dumps(header).encode()


def _header(path: Path, file: pq.ParquetFile) -> Header:
    raw = (file.schema_arrow.metadata or {}).get(_KEY)
    if raw is None:
        raise InputError(f"{path} is a Parquet file, but not an exported index: index it instead")
    try:
        header = json.loads(raw)
        schema = StoreSchema.from_json(header["schema"])
        version, metadata = header["format"], dict(header["metadata"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} has a damaged header ({error}): export again") from error
    if version != FORMAT or not file.schema_arrow.equals(_columns(schema)):
        raise InputError(
            f"{path} has format {version!r} or columns of another version, this one reads "
            f"{FORMAT}: export again"
        )
    return Header(schema, metadata, file.metadata.num_rows)


def _batch(records: Sequence[Record], schema: StoreSchema, columns: pa.Schema) -> pa.RecordBatch:
    arrays = [
        pa.array([record.id for record in records]),
        pa.array([json.dumps(dict(r.payload), ensure_ascii=False) for r in records]),
        *(_dense_array(records, name, n) for name, n in schema.dense.items()),
        *(_sparse_array(records, name) for name in schema.sparse),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=columns)


def _dense_array(records: Sequence[Record], name: str, dimension: int) -> pa.Array:
    absent = np.array([name not in record.dense for record in records])
    blank = np.zeros(dimension, dtype=np.float32)
    flat = np.concatenate([record.dense.get(name, blank) for record in records])
    return pa.FixedSizeListArray.from_arrays(
        pa.array(flat), type=pa.list_(pa.float32(), dimension), mask=pa.array(absent)
    )


def _sparse_array(records: Sequence[Record], name: str) -> pa.Array:
    absent = np.array([name not in record.sparse for record in records])
    vectors = [record.sparse.get(name, SparseVector.of([], [])) for record in records]
    offsets = pa.array(np.cumsum([0, *map(len, vectors)]), pa.int32())
    lists = [
        pa.ListArray.from_arrays(offsets, pa.array(np.concatenate(parts)))
        for parts in ([v.indices for v in vectors], [v.values for v in vectors])
    ]
    return pa.StructArray.from_arrays(lists, ["indices", "values"], mask=pa.array(absent))


def _points(batch: pa.RecordBatch, schema: StoreSchema) -> list[Point]:
    ids = batch.column("id").to_pylist()
    payloads = [json.loads(text) for text in batch.column("payload").to_pylist()]
    dense = {name: _dense_rows(batch.column(f"dense.{name}")) for name in schema.dense}
    sparse = {name: _sparse_rows(batch.column(f"sparse.{name}")) for name in schema.sparse}
    return [
        Point(
            ids[row],
            payloads[row],
            _present(dense, row),
            _present(sparse, row),
        )
        for row in range(batch.num_rows)
    ]


def _present(columns: Mapping[str, Sequence[T | None]], row: int) -> dict[str, T]:
    """The vectors that the point in `row` has."""
    vectors = ((name, rows[row]) for name, rows in columns.items())
    return {name: vector for name, vector in vectors if vector is not None}


def _dense_rows(column: pa.FixedSizeListArray) -> list[NDArray[np.float32] | None]:
    return [
        scalar.values.to_numpy(zero_copy_only=False) if scalar.is_valid else None
        for scalar in column
    ]


def _sparse_rows(column: pa.StructArray) -> list[SparseVector | None]:
    return [
        SparseVector(
            scalar["indices"].values.to_numpy(zero_copy_only=False),
            scalar["values"].values.to_numpy(zero_copy_only=False),
        )
        if scalar.is_valid
        else None
        for scalar in column
    ]


@contextmanager
def _reading(path: Path) -> Iterator[pq.ParquetFile]:
    """An open file, whose every fault is one InputError."""
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (OSError, pa.ArrowException, UnicodeDecodeError, json.JSONDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"cannot read {path} as an exported index ({reason}): the file is missing, "
            "truncated or of another kind; export again"
        ) from error


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary file that becomes `path`, synced to disk, if nothing fails."""
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, pa.ArrowException) as error:
        if is_disk_full(error):
            raise StoreFullError(f"the disk that holds {path} is full: free some space") from error
        raise StoreError(f"cannot write {path} ({error}): check the folder") from error
    finally:
        temporary.unlink(missing_ok=True)
