"""Parquet, good and bad."""

import datetime as dt
import gzip
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from glassdex.indexer.failures import Failure
from glassdex.indexer.parquet_table import read_parquet
from glassdex.indexer.record import Record
from glassdex.indexer.source_file import SourceFile


def read(path: Path) -> list[Record | Failure]:
    file = SourceFile(path, path.name, "parquet", "d", path.name, named=True)
    return list(read_parquet(file, 1_000_000))


def write(folder: Path, columns: dict[str, object], **options: int) -> Path:
    path = folder / "a.parquet"
    pq.write_table(pa.table(columns), path, **options)
    return path


def test_rows_over_several_row_groups(tmp_path: Path) -> None:
    path = write(
        tmp_path, {"text": [f"t{i}" for i in range(1000)], "n": range(1000)}, row_group_size=150
    )
    assert read(path) == [Record(i + 1, {"text": f"t{i}", "n": i}) for i in range(1000)]


def test_compressed_with_gzip(tmp_path: Path) -> None:
    plain = write(tmp_path, {"text": ["a", "b"]})
    packed = tmp_path / "a.parquet.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read(packed) == read(plain)


def test_values_become_json(tmp_path: Path) -> None:
    columns = {
        "text": pa.array(["a"]).dictionary_encode(),
        "null": pa.array([None], pa.string()),
        "date": pa.array([dt.date(2024, 2, 29)]),
        "second": pa.array([dt.datetime(2024, 2, 29, 12, 30)], pa.timestamp("s")),
        "nano": pa.array([1_709_209_800_000_000_123], pa.timestamp("ns", tz="UTC")),
        "span": pa.array([1_500_000_000], pa.duration("ns")),
        "price": pa.array([Decimal("1.50")]),
        "float32": pa.array(np.array([0.5], np.float32)),
        "nested": pa.array([{"when": dt.date(2024, 1, 1), "tags": ["x", None]}]),
    }
    assert read(write(tmp_path, columns)) == [
        Record(
            1,
            {
                "text": "a",
                "null": None,
                "date": "2024-02-29",
                "second": "2024-02-29T12:30:00",
                "nano": "2024-02-29T12:30:00+00:00",
                "span": 1.5,
                "price": 1.5,
                "float32": 0.5,
                "nested": {"when": "2024-01-01", "tags": ["x", None]},
            },
        )
    ]


def test_columns_of_bytes_are_left_out_and_mentioned_once(tmp_path: Path) -> None:
    columns = {
        "text": ["a", "b"],
        "image": pa.array([{"bytes": b"\x89PNG", "path": "p"}] * 2),
        "raw": pa.array([b"\xff", b"\x00"]),
    }
    notice, *records = read(write(tmp_path, columns))
    assert isinstance(notice, Failure)
    assert notice.notice
    assert notice.reason.endswith("image, raw")
    assert records == [Record(1, {"text": "a"}), Record(2, {"text": "b"})]


def test_a_value_that_is_not_utf8_fails_alone(tmp_path: Path) -> None:
    raw = pa.array([b"good", b"caf\xe9", b"fine"]).cast(pa.binary())
    text = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    first, bad, last = read(write(tmp_path, {"text": text}))
    assert (first, last) == (Record(1, {"text": "good"}), Record(3, {"text": "fine"}))
    assert isinstance(bad, Failure)
    assert bad.line == 2


@pytest.mark.parametrize("keep", [0, 3, 100, 0.5, 0.99])
def test_a_truncated_file_is_one_failure(tmp_path: Path, keep: float) -> None:
    path = write(tmp_path, {"text": [f"text {i}" for i in range(500)]})
    data = path.read_bytes()
    path.write_bytes(data[: keep if isinstance(keep, int) else int(keep * len(data))])
    (failure,) = read(path)
    assert isinstance(failure, Failure)
    assert failure.reason.startswith("damaged Parquet file")
    assert "\n" not in failure.reason


def test_a_damaged_row_group_is_lost_alone(tmp_path: Path) -> None:
    texts = [f"text {i} {i * i}" for i in range(5000)]
    path = write(tmp_path, {"text": texts}, row_group_size=1000)
    data = bytearray(path.read_bytes())
    start = pq.ParquetFile(path).metadata.row_group(3).column(0).dictionary_page_offset
    data[start : start + 40] = b"\xff" * 40
    path.write_bytes(data)
    items = read(path)
    (failure,) = [item for item in items if isinstance(item, Failure)]
    assert failure.line == 3001
    assert "rows 3001 to 4000 are lost" in failure.reason
    rows = [item.line for item in items if isinstance(item, Record)]
    assert rows == [*range(1, 3001), *range(4001, 5001)]


def test_no_rows(tmp_path: Path) -> None:
    assert read(write(tmp_path, {"text": pa.array([], pa.string())})) == []
