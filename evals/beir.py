"""Retrieval sets in BEIR layout: a corpus, queries and relevance judgements.

    corpus.jsonl[.gz]   {"_id", "title", "text"}
    queries.jsonl[.gz]  {"_id", "text"}
    qrels/test.tsv      query-id, corpus-id, score, separated by tabs, under a header line

Thakur et al. 2021, "BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information
Retrieval Models".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from glassdex.errors import InputError
from glassdex.indexer.beir import CORPUS_NAMES, corpus_of
from glassdex.indexer.document import Document
from glassdex.indexer.failures import Failure, OnFailure
from glassdex.indexer.jsonl import read_jsonl
from glassdex.indexer.lines import MAX_BYTES, Line, read_lines
from glassdex.indexer.source_file import FormatName, SourceFile
from glassdex.indexer.sources import SourceOptions, read_documents

Qrels: TypeAlias = Mapping[str, Mapping[str, int]]
"""Query id to document id to grade; an absent document is not relevant."""

SPLIT = "test"


@dataclass(frozen=True, slots=True)
class BeirSet:
    """One retrieval set. The documents stay on disk: they are read anew whenever asked for.

    name: of the folder. queries: id to text, of the judged queries only, by ascending id.
    size: number of documents.
    """

    name: str
    folder: Path
    queries: Mapping[str, str]
    qrels: Qrels
    size: int

    def documents(self) -> Iterator[Document]:
        """Every document, in the order of the corpus."""
        return _documents(self.folder, self.name, on_failure=lambda _: None)


def load_beir(folder: Path, *, split: str = SPLIT, on_failure: OnFailure | None = None) -> BeirSet:
    """Read queries and judgements, and check that they fit the corpus.

    on_failure is told of documents that are left out (an empty text, a broken line) and of
    judged documents that are not in the corpus, which count as never found; without it the
    first document that cannot be read is an error.

    Raises InputError naming the file and line that is missing or malformed.
    """
    if not folder.is_dir() or corpus_of(folder) is None:
        raise InputError(
            f"{str(folder)!r} is no BEIR folder: there is no {' or '.join(CORPUS_NAMES)} in it"
        )
    name = folder.resolve().name
    qrels = read_qrels(_qrels_path(folder, split))
    queries = _judged(_read_queries(folder), qrels, folder)
    size = _check_corpus(folder, name, qrels, on_failure)
    return BeirSet(name, folder, queries, qrels, size)


def read_qrels(path: Path) -> Qrels:
    """The judgements of a file, by ascending query id. Raises InputError naming a bad line."""
    qrels: dict[str, dict[str, int]] = {}
    for line in read_lines(_file(path, "tsv"), MAX_BYTES):
        if isinstance(line, Failure):
            raise InputError(str(line))
        judgement = _judgement(line, path)
        if judgement is None:
            continue
        query_id, doc_id, grade = judgement
        if qrels.setdefault(query_id, {}).setdefault(doc_id, grade) != grade:
            raise InputError(f"{path}:{line.number}: {query_id} {doc_id} is judged twice")
    if not qrels:
        raise InputError(f"{path} has no judgement: wanted query-id<TAB>corpus-id<TAB>score")
    return dict(sorted(qrels.items()))


def _judgement(line: Line, path: Path) -> tuple[str, str, int] | None:
    """A line's query, document and grade; None for the header and blank lines."""
    cells = line.data.decode(errors="replace").split("\t")
    if not line.data.strip():
        return None
    try:
        query_id, doc_id, grade = cells
        return query_id, doc_id, int(grade)
    except ValueError:
        if line.number == 1 and len(cells) == 3:
            return None
        raise InputError(
            f"{path}:{line.number}: wanted query-id<TAB>corpus-id<TAB>score, a whole number"
        ) from None


def _qrels_path(folder: Path, split: str) -> Path:
    path = folder / "qrels" / f"{split}.tsv"
    if path.is_file():
        return path
    there = ", ".join(sorted(p.stem for p in path.parent.glob("*.tsv"))) or "none"
    raise InputError(f"{str(path)!r} is missing; judgements that are there: {there}")


def _read_queries(folder: Path) -> dict[str, str]:
    names = ("queries.jsonl", "queries.jsonl.gz")
    path = next((path for name in names if (path := folder / name).is_file()), None)
    if path is None:
        raise InputError(f"{str(folder)!r} is no BEIR folder: there is no {names[0]} in it")
    queries: dict[str, str] = {}
    for item in read_jsonl(_file(path, "jsonl"), MAX_BYTES):
        if isinstance(item, Failure):
            raise InputError(str(item))
        query_id, text = _query(item.values, f"{path}:{item.line}")
        if query_id in queries:
            raise InputError(f"{path}:{item.line}: the query {query_id!r} is there twice")
        queries[query_id] = text
    return queries


def _query(values: Mapping[str, Any], place: str) -> tuple[str, str]:
    query_id, text = values.get("_id"), values.get("text")
    if query_id in (None, "") or not isinstance(text, str) or not text.strip():
        raise InputError(f'{place}: wanted a query as {{"_id": "q1", "text": "words"}}')
    return str(query_id), text


def _judged(queries: Mapping[str, str], qrels: Qrels, folder: Path) -> dict[str, str]:
    missing = [query_id for query_id in qrels if query_id not in queries]
    if missing:
        raise InputError(
            f"{str(folder)!r}: {len(missing)} judged queries are not among its queries, such as "
            f"{missing[0]!r}"
        )
    return {query_id: queries[query_id] for query_id in qrels}


def _check_corpus(folder: Path, name: str, qrels: Qrels, on_failure: OnFailure | None) -> int:
    """Number of documents; tells of the judged ones that are not there."""
    unseen = {doc_id for judged in qrels.values() for doc_id, grade in judged.items() if grade > 0}
    relevant, size = len(unseen), 0
    for document in _documents(folder, name, on_failure or _refuse):
        size += 1
        unseen.discard(document.doc_id)
    if relevant and len(unseen) == relevant:
        raise InputError(
            f"{str(folder)!r}: none of the {relevant} relevant documents is in the corpus, such "
            f"as {min(unseen)!r}: qrels and corpus do not belong together"
        )
    if unseen and on_failure:
        reason = f"{len(unseen)} of {relevant} relevant documents are not in the corpus"
        on_failure(Failure(str(folder), reason, doc_id=min(unseen), notice=True))
    return size


def _documents(folder: Path, name: str, on_failure: OnFailure) -> Iterator[Document]:
    return read_documents([str(folder)], SourceOptions(dataset=name), on_failure)


def _refuse(failure: Failure) -> None:
    if not failure.notice:
        raise InputError(str(failure))


def _file(path: Path, kind: FormatName) -> SourceFile:
    return SourceFile(path, str(path), kind, path.stem, path.name, named=True)
