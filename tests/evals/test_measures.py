"""Measures against hand and against plain arithmetic."""

import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from glassdex.evals.measures import MEASURES, mean, score_run
from glassdex.evals.runs import write_run


def run_of(folder: Path, rankings: Mapping[str, Sequence[str]]) -> Path:
    """A run that names documents in the given order."""
    path = folder / "s.run"
    pairs = {q: [(d, -float(i)) for i, d in enumerate(docs)] for q, docs in rankings.items()}
    write_run(path, "s", pairs.items())
    return path


def test_by_hand(tmp_path: Path) -> None:
    qrels = {"q1": {"a": 1, "c": 1, "x": 0}, "q2": {"b": 2, "a": 1}}
    run = run_of(tmp_path, {"q1": ["a", "b", "c"], "q2": ["a", "b", "c"]})
    scores = score_run(run, qrels)
    assert scores["q1"] == pytest.approx(
        {
            "AP": (1 / 1 + 2 / 3) / 2,
            "P@10": 2 / 10,
            "P@50": 2 / 50,
            "nDCG@10": (1 + 1 / 2) / (1 + 1 / math.log2(3)),
        },
        abs=1e-9,
    )
    assert scores["q2"]["AP"] == pytest.approx(1)
    assert scores["q2"]["nDCG@10"] == pytest.approx(
        (1 + 2 / math.log2(3)) / (2 + 1 / math.log2(3)), abs=1e-9
    )
    assert tuple(scores["q1"]) == MEASURES


def test_a_query_without_an_answer_counts_as_0(tmp_path: Path) -> None:
    qrels = {"q1": {"a": 1}, "q2": {"a": 1}}
    both = mean(score_run(run_of(tmp_path, {"q1": ["a"], "q2": ["a"]}), qrels).values())
    one = score_run(run_of(tmp_path, {"q1": ["a"]}), qrels)
    assert one["q2"] == dict.fromkeys(MEASURES, 0.0)
    assert both["AP"] == 1
    assert mean(one.values())["AP"] == 0.5
    nothing = score_run(run_of(tmp_path, {}), qrels)
    assert mean(nothing.values()) == dict.fromkeys(MEASURES, 0.0)


def test_relevant_documents_not_found_count_as_missed(tmp_path: Path) -> None:
    scores = score_run(run_of(tmp_path, {"q": ["a"]}), {"q": {"a": 1, "b": 1, "c": 1, "d": 1}})
    assert scores["q"]["AP"] == pytest.approx(1 / 4)


def test_queries_nobody_judged_are_left_out(tmp_path: Path) -> None:
    scores = score_run(run_of(tmp_path, {"q": ["a"], "other": ["a"]}), {"q": {"a": 1}})
    assert list(scores) == ["q"]


def test_agrees_with_plain_arithmetic(tmp_path: Path) -> None:
    generator = random.Random(0)
    docs = [f"d{i}" for i in range(120)]
    qrels = {
        f"q{i}": {d: generator.choice([0, 1, 1, 2]) for d in generator.sample(docs, 40)}
        for i in range(25)
    }
    # Few distinct scores: most of the order is made by ties.
    scored = {q: [(d, generator.randrange(6) / 3) for d in docs] for q in qrels}
    path = tmp_path / "s.run"
    write_run(path, "s", scored.items())
    found = score_run(path, qrels)
    for query, pairs in scored.items():
        order = [d for d, _ in sorted(pairs, key=lambda pair: (-pair[1], pair[0]))]
        assert found[query] == pytest.approx(arithmetic(order, qrels[query]), abs=1e-9)


def arithmetic(order: Sequence[str], grades: Mapping[str, int]) -> dict[str, float]:
    """The definitions, written out."""
    gains = [grades.get(d, 0) for d in order]
    hits = [gain > 0 for gain in gains]
    precision = [sum(hits[:k]) / k for k in range(1, len(hits) + 1)]
    relevant = sum(grade > 0 for grade in grades.values())
    ideal = sorted(grades.values(), reverse=True)
    return {
        "AP": sum(p for p, hit in zip(precision, hits, strict=True) if hit) / relevant,
        "P@10": precision[9],
        "P@50": precision[49],
        "nDCG@10": discounted(gains[:10]) / discounted(ideal[:10]),
    }


def discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def test_mean_of_means_weighs_datasets_equally() -> None:
    small = mean([dict.fromkeys(MEASURES, 1.0)])
    large = mean([dict.fromkeys(MEASURES, 0.0)] * 99)
    assert mean([small, large]) == dict.fromkeys(MEASURES, 0.5)
