"""Run systems over retrieval sets, write their answers, measure what was written."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from glassdex.errors import UsageError
from glassdex.evals.beir import BeirSet, Qrels, load_beir
from glassdex.evals.measures import score_run
from glassdex.evals.report import DatasetScores, EvalReport
from glassdex.evals.runs import Ranking, replace_file, token, write_run
from glassdex.evals.systems import System
from glassdex.indexer.failures import OnFailure

QRELS_NAME = "qrels.txt"

_SYSTEM_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


@dataclass(frozen=True, slots=True)
class EvalStep:
    """One more query has been answered: `done` of `total` of a system on a dataset."""

    dataset: str
    system: str
    done: int
    total: int


Progress: TypeAlias = Callable[[EvalStep], None]
MakeSystems: TypeAlias = Callable[[BeirSet], Sequence[System]]


def evaluate(
    folders: Sequence[Path],
    make_systems: MakeSystems,
    out_dir: Path,
    progress: Progress | None = None,
    *,
    depth: int | None = None,
    on_failure: OnFailure | None = None,
) -> EvalReport:
    """Evaluate systems on BEIR folders, one dataset after the other.

    make_systems is called once per dataset and must give systems of the same names each time.
    Writes OUT_DIR/DATASET/SYSTEM.run and OUT_DIR/DATASET/qrels.txt. depth: answers per query;
    None ranks the whole corpus, which AP of a rare property needs. on_failure: see `load_beir`.

    Raises InputError on a malformed folder, UsageError on names that clash or are missing.
    """
    sets = [load_beir(folder, on_failure=on_failure) for folder in folders]
    _require_distinct("dataset", [beir.name for beir in sets])
    if not sets:
        raise UsageError("no BEIR folder given: name at least one")
    found: dict[str, dict[str, DatasetScores]] = {}
    for beir in sets:
        scores = _evaluate_set(beir, make_systems(beir), out_dir / beir.name, progress, depth)
        if found and scores.keys() != found.keys():
            raise UsageError(
                f"the systems on {beir.name!r} are {', '.join(scores)}, on the datasets before "
                f"{', '.join(found)}: a mean needs the same ones everywhere"
            )
        for name, result in scores.items():
            found.setdefault(name, {})[beir.name] = result
    return EvalReport(found)


def _evaluate_set(
    beir: BeirSet,
    systems: Sequence[System],
    out_dir: Path,
    progress: Progress | None,
    depth: int | None,
) -> dict[str, DatasetScores]:
    names = [_file_name(system.name) for system in systems]
    _require_distinct("system", names)
    qrels_path = out_dir / QRELS_NAME
    replace_file(qrels_path, _qrels_lines(beir.qrels))
    scores = {}
    for name, system in zip(names, systems, strict=True):
        run = out_dir / f"{name}.run"
        write_run(run, name, _answers(beir, system, depth or beir.size, progress))
        scores[name] = DatasetScores(score_run(run, beir.qrels), run, qrels_path)
    return scores


def _answers(
    beir: BeirSet, system: System, depth: int, progress: Progress | None
) -> Iterator[tuple[str, Ranking]]:
    for done, (query_id, text) in enumerate(beir.queries.items(), start=1):
        yield query_id, system.rank(text, depth)
        if progress:
            progress(EvalStep(beir.name, system.name, done, len(beir.queries)))


def _qrels_lines(qrels: Qrels) -> Iterator[str]:
    for query_id, grades in qrels.items():
        for doc_id, grade in grades.items():
            yield f"{token(query_id)} 0 {token(doc_id)} {grade}\n"


def _file_name(system: str) -> str:
    if not _SYSTEM_NAME.fullmatch(system):
        raise UsageError(
            f"the system name {system!r} names a file: use letters, digits and . _ + - only"
        )
    return system


def _require_distinct(kind: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two {kind}s are called {twice[0]!r}: rename one")
