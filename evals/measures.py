"""Retrieval measures, always computed by ir_measures from a run file that has been written.

AP, P@10 and P@50 count a document as relevant from grade 1; nDCG@10 uses the grade as gain
(Järvelin and Kekäläinen 2002). A query that the run does not answer counts as 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TypeAlias

from glassdex.evals.beir import Qrels
from glassdex.evals.runs import RunLine, read_run

MEASURES = ("AP", "P@10", "P@50", "nDCG@10")

Scores: TypeAlias = Mapping[str, float]
"""Measure to value, in the order of MEASURES."""


def score_run(path: Path, qrels: Qrels) -> dict[str, Scores]:
    """Every judged query's measures, by ascending query id; other queries are left out.

    One query is held in memory at a time. Raises InputError on a malformed run file.
    """
    nothing: Scores = dict.fromkeys(MEASURES, 0.0)
    scores = dict.fromkeys(sorted(qrels), nothing)
    for query_id, lines in read_run(path):
        if query_id in qrels:
            scores[query_id] = _score(lines, query_id, qrels[query_id])
    return scores


def mean(scores: Iterable[Scores]) -> Scores:
    """The mean of each measure: over queries for a dataset, over datasets for a system."""
    rows = list(scores)
    return {measure: fmean(row[measure] for row in rows) for measure in MEASURES}


def _score(lines: Sequence[RunLine], query_id: str, grades: Mapping[str, int]) -> Scores:
    import ir_measures

    measures = [ir_measures.parse_measure(name) for name in MEASURES]
    judged = [ir_measures.Qrel(query_id, doc_id, grade) for doc_id, grade in grades.items()]
    answers = [ir_measures.ScoredDoc(query_id, line.doc_id, line.score) for line in lines]
    values = {
        str(metric.measure): float(metric.value)
        for metric in ir_measures.iter_calc(measures, judged, answers)
    }
    return {measure: values[measure] for measure in MEASURES}
