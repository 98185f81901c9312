"""BEIR folders: `corpus.jsonl` with `_id`, `title` and `text`; queries and qrels are for evals.

Layout: Thakur et al. 2021, "BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of
Information Retrieval Models".
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from glassdex.indexer.failures import Failure
from glassdex.indexer.jsonl import read_jsonl
from glassdex.indexer.record import Record
from glassdex.indexer.source_file import SourceFile

CORPUS_NAMES = ("corpus.jsonl", "corpus.jsonl.gz")


def corpus_of(folder: Path) -> Path | None:
    """The corpus file that makes a folder a BEIR folder; None where it is not one."""
    return next((path for name in CORPUS_NAMES if (path := folder / name).is_file()), None)


def read_corpus(file: SourceFile, max_bytes: int) -> Iterator[Record | Failure]:
    """Every record of a corpus, with the title put on the first line of the text."""
    for item in read_jsonl(file, max_bytes):
        yield item if isinstance(item, Failure) else Record(item.line, with_title(item.values))


def with_title(values: Mapping[str, Any]) -> dict[str, Any]:
    """Join title and text, and lift the entries of BEIR's `metadata` to the top."""
    merged = dict(values)
    nested = merged.pop("metadata", None)
    if isinstance(nested, Mapping):
        merged = {**nested, **merged}
    title, text = merged.get("title"), merged.get("text")
    if isinstance(title, str) and isinstance(text, str):
        del merged["title"]
        merged["text"] = "\n".join(part for part in (title, text) if part.strip())
    return merged
