"""What a file format yields: one record, before it is known which of its fields is the text."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from glassdex.indexer.failures import Failure
from glassdex.indexer.source_file import SourceFile


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a source.

    line: 1-based line, or row of a Parquet file; None where the file is the record.
    values: field name to JSON value.
    """

    line: int | None
    values: Mapping[str, Any]


Reader: TypeAlias = Callable[[SourceFile, int], Iterator[Record | Failure]]
"""Reads a file, holding no record of more than so many bytes.

What is wrong with one record, or with the rest of the file, is yielded in its place. Raises
InputError when the file as a whole is not what its name says.
"""
