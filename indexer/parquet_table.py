"""Parquet files, read a small batch at a time."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import IO, TYPE_CHECKING

from glassdex.indexer.document import JSON
from glassdex.indexer.failures import Failure
from glassdex.indexer.lines import broken
from glassdex.indexer.record import Record
from glassdex.indexer.source_file import SourceFile

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_BATCH_ROWS = 64
_BUFFER_BYTES = 2**20


def read_parquet(file: SourceFile, max_bytes: int) -> Iterator[Record | Failure]:  # noqa: ARG001
    """Every row as a record; dates and times become ISO 8601 text, decimals numbers.

    Columns of bytes have no JSON and are left out, which is mentioned once. A damaged row group
    is one failure, and reading goes on with the next.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with _seekable(file) as stream:
            # Without these two a whole row group, often gigabytes, would be held at once.
            table = pq.ParquetFile(stream, pre_buffer=False, buffer_size=_BUFFER_BYTES)
            schema = table.schema_arrow
            kept = [column.name for column in schema if not _holds_bytes(column.type)]
            if len(kept) < len(schema):
                yield _left_out(file.name, sorted(set(schema.names) - set(kept)))
            before = 0
            for group in range(table.num_row_groups):
                yield from _row_group(table, group, kept, file.name, before)
                before += table.metadata.row_group(group).num_rows
    except (pa.ArrowException, OSError, EOFError, zlib.error) as error:
        yield Failure(file.name, f"damaged Parquet file: {broken(error)}")


def _row_group(
    table: pq.ParquetFile, group: int, columns: list[str], name: str, before: int
) -> Iterator[Record | Failure]:
    import pyarrow as pa

    end = before + table.metadata.row_group(group).num_rows
    try:
        batches = table.iter_batches(_BATCH_ROWS, [group], columns=columns, use_threads=False)
        for batch in batches:
            yield from _rows(batch, name, before)
            before += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        reason = f"damaged Parquet file, rows {before + 1} to {end} are lost: {broken(error)}"
        yield Failure(name, reason, line=before + 1)


@contextmanager
def _seekable(file: SourceFile) -> Iterator[IO[bytes]]:
    """The file itself, or its decompressed copy on disk: Parquet is read from its end."""
    with file.open() as stream:
        if not file.compressed:
            yield stream
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(stream, copy)
            copy.seek(0)
            yield copy


def _rows(batch: pa.RecordBatch, name: str, before: int) -> Iterator[Record | Failure]:
    batch = _without_nanoseconds(batch)
    try:
        rows = batch.to_pylist()
    except (ValueError, KeyError):  # bad UTF-8, an unknown time zone: find the rows
        for i in range(batch.num_rows):
            yield _row(batch.slice(i, 1), name, before + i + 1)
        return
    for i, values in enumerate(rows, start=before + 1):
        yield Record(i, _json_fields(values))


def _row(single: pa.RecordBatch, name: str, number: int) -> Record | Failure:
    try:
        return Record(number, _json_fields(single.to_pylist()[0]))
    except (ValueError, KeyError) as error:
        return Failure(name, f"a value cannot be read: {error}", line=number)


def _without_nanoseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Times rounded down to microseconds, the finest that Python's own types hold."""
    import pyarrow as pa

    for i, column in enumerate(batch.schema):
        kind = column.type
        if getattr(kind, "unit", None) != "ns":
            continue
        if pa.types.is_timestamp(kind):
            target = pa.timestamp("us", tz=kind.tz)
        else:
            target = pa.duration("us") if pa.types.is_duration(kind) else pa.time64("us")
        batch = batch.set_column(i, column.name, batch.column(i).cast(target, safe=False))
    return batch


def _json_fields(values: Mapping[str, object]) -> dict[str, JSON]:
    return {name: _json(value) for name, value in values.items()}


def _json(value: object) -> JSON:
    """The JSON value of what Arrow hands out."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case dt.timedelta():
            return value.total_seconds()
        case Decimal():
            return float(value)
        case Mapping():
            return _json_fields(value)
        case list() | tuple():
            return [_json(entry) for entry in value]
        case _:
            return str(value)


def _holds_bytes(kind: pa.DataType) -> bool:
    import pyarrow as pa

    types = pa.types
    tests = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary)
    if any(test(kind) for test in (*tests, types.is_binary_view)):
        return True
    return any(_holds_bytes(kind.field(i).type) for i in range(kind.num_fields))


def _left_out(name: str, columns: list[str]) -> Failure:
    reason = f"columns of bytes are left out, having no JSON: {', '.join(columns)}"
    return Failure(name, reason, notice=True)
