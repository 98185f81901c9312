"""TREC run files: what a system answered, in the form every evaluation tool reads.

One line per answer: query id, Q0, document id, rank from 1, score, system name.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glassdex.errors import GlassdexError, InputError, UsageError

Ranking: TypeAlias = Sequence[tuple[str, float]]
"""Document ids with their scores; higher is better."""

_COLUMNS = 6
_TINY = np.float32(2.0**-40)
_MAGNITUDE = np.int32(0x7FFFFFFF)


@dataclass(frozen=True, slots=True)
class RunLine:
    """One answer. rank: from 1. score: as written, strictly decreasing within a query."""

    query_id: str
    doc_id: str
    rank: int
    score: float
    system: str


def write_run(path: Path, system: str, rankings: Iterable[tuple[str, Ranking]]) -> None:
    """Write each query's ranking by descending score, ties by ascending id, all or nothing.

    The same rankings give the same bytes. trec_eval, and with it most tools, compares scores
    in single precision and orders ties by descending id; so that all of them see the order
    that stands here, scores are written as `separated` has them.

    Raises UsageError on a score that is not finite, a document named twice or an id with a
    blank, which the format cannot hold; GlassdexError when the file cannot be written.
    """
    replace_file(path, _lines(system, rankings))


def read_run(path: Path) -> Iterator[tuple[str, list[RunLine]]]:
    """Each query with its lines, in the order of the file, one query in memory at a time.

    Raises InputError naming the line that is malformed or out of order.
    """
    seen: set[str] = set()
    for query_id, group in groupby(_parsed(path), key=lambda line: line.query_id):
        lines = list(group)
        if query_id in seen:
            raise InputError(f"{path}: the lines of query {query_id!r} are not together")
        if len({line.doc_id for line in lines}) < len(lines):
            raise InputError(f"{path}: query {query_id!r} names a document twice")
        seen.add(query_id)
        yield query_id, lines


def separated(scores: ArrayLike) -> NDArray[np.float32]:
    """Non-increasing scores as strictly decreasing single-precision numbers, each as near as
    the ones before permit; magnitudes below 2^-40 count as zero.

    (n,) to (n,) float32. Every float32 has a whole number counting its place among all of
    them. Where the next place is not lower than the last, the one just below is taken, which
    over the whole list is a running minimum.
    """
    places = _place(np.asarray(scores, dtype=np.float32))
    steps = np.arange(len(places))
    return _number(np.minimum.accumulate(places + steps) - steps)


def replace_file(path: Path, lines: Iterable[str]) -> None:
    """Write a text file whole, or leave what was there. Raises GlassdexError naming the path."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(lines)
        partial.replace(path)
    except OSError as error:
        raise GlassdexError(
            f"cannot write {str(path)!r} ({error.strerror}): choose another folder"
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def token(name: str) -> str:
    """`name`, if a TREC file can hold it. Raises UsageError on blanks and on the empty name."""
    if not name or name.split() != [name]:
        raise UsageError(f"{name!r} cannot stand in a TREC file: rename it without blanks")
    return name


def _lines(system: str, rankings: Iterable[tuple[str, Ranking]]) -> Iterator[str]:
    token(system)
    for query_id, ranking in rankings:
        token(query_id)
        ordered = _ordered(ranking, system, query_id)
        scores = separated([score for _, score in ordered])
        for rank, ((doc_id, _), score) in enumerate(zip(ordered, scores, strict=True), start=1):
            yield f"{query_id} Q0 {token(doc_id)} {rank} {score:.9g} {system}\n"


def _ordered(ranking: Ranking, system: str, query_id: str) -> list[tuple[str, float]]:
    largest = float(np.finfo(np.float32).max)
    for doc_id, score in ranking:
        if not math.isfinite(score) or abs(score) > largest:
            raise UsageError(
                f"the system {system!r} gave {doc_id!r} the score {score} for query "
                f"{query_id!r}: wanted a finite number of single precision"
            )
    if len({doc_id for doc_id, _ in ranking}) < len(ranking):
        raise UsageError(f"the system {system!r} named a document twice for query {query_id!r}")
    return sorted(ranking, key=lambda pair: (-pair[1], pair[0]))


def _place(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Whole numbers in the order of the float32s, 0 for zero."""
    magnitude = (scores.view(np.int32) & _MAGNITUDE).astype(np.int64)
    beyond = np.maximum(magnitude - int(_TINY.view(np.int32)), 0)
    return np.where(scores < 0, -beyond, beyond)


def _number(places: NDArray[np.int64]) -> NDArray[np.float32]:
    """Inverse of `_place`."""
    magnitude = (np.abs(places) + int(_TINY.view(np.int32))).astype(np.int32).view(np.float32)
    return np.where(places == 0, np.float32(0), np.copysign(magnitude, places)).astype(np.float32)


def _parsed(path: Path) -> Iterator[RunLine]:
    try:
        with path.open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                yield _parse(line, f"{path}:{number}")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the run file {str(path)!r} cannot be read: {error}") from error


def _parse(line: str, place: str) -> RunLine:
    cells = line.split()
    try:
        if len(cells) == _COLUMNS:
            query_id, _, doc_id, rank, score, system = cells
            return RunLine(query_id, doc_id, int(rank), float(score), system)
    except ValueError:
        pass
    raise InputError(f"{place}: wanted query, Q0, document, rank, score, system; saw {line!r}")
