"""The file formats that documents are read from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from glassdex.indexer.beir import read_corpus
from glassdex.indexer.columns import Columns
from glassdex.indexer.csv_table import read_csv, read_tsv
from glassdex.indexer.jsonl import read_jsonl
from glassdex.indexer.parquet_table import read_parquet
from glassdex.indexer.plain_text import read_text
from glassdex.indexer.record import Reader
from glassdex.indexer.source_file import FormatName


@dataclass(frozen=True, slots=True)
class Format:
    """How a kind of file is read.

    columns: its text and id where the format fixes them. untyped: every value is a string.
    """

    read: Reader
    columns: Columns | None = None
    untyped: bool = False


FORMATS: Mapping[FormatName, Format] = {
    "jsonl": Format(read_jsonl),
    "csv": Format(read_csv, untyped=True),
    "tsv": Format(read_tsv, untyped=True),
    "parquet": Format(read_parquet),
    "text": Format(read_text, Columns(("text",), "doc_id", id_required=True)),
    "beir": Format(read_corpus, Columns(("text",), "_id", id_required=True)),
}

SUFFIXES: Mapping[str, FormatName] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".txt": "text",
    ".md": "text",
}

KNOWN_SUFFIXES = f"{', '.join(SUFFIXES)}, each also with .gz"


def format_of(path: Path) -> FormatName | None:
    """The format that a file's name stands for; None where it is not a known one."""
    return SUFFIXES.get(Path(_uncompressed(path.name)).suffix.lower())


def stem_of(path: Path) -> str:
    """The file's name without the suffixes that say how it is stored: a.b.jsonl.gz is a.b."""
    name = Path(_uncompressed(path.name))
    return name.stem if name.suffix.lower() in SUFFIXES else name.name


def _uncompressed(name: str) -> str:
    return name[: -len(".gz")] if name.lower().endswith(".gz") else name
