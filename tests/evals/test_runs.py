"""Run files: the order they promise, and that every tool sees it."""

import itertools
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glassdex.errors import GlassdexError, InputError, UsageError
from glassdex.evals.runs import read_run, separated, write_run

SCORES = st.floats(-(2.0**100), 2.0**100) | st.sampled_from([0.0, -0.0, 0.5, 1e-30, -1e-30])


def test_lines_are_ordered_by_score_then_id(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.run"
    write_run(path, "a", [("q2", [("d2", 0.25), ("d10", 0.5), ("d1", 2)]), ("q1", [("d1", -1.5)])])
    assert path.read_text() == (
        "q2 Q0 d1 1 2 a\nq2 Q0 d10 2 0.5 a\nq2 Q0 d2 3 0.25 a\nq1 Q0 d1 1 -1.5 a\n"
    )


def test_ties_are_ordered_by_ascending_id(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    write_run(path, "a", [("q", [("c", 0.5), ("a", 0.5), ("b", 0.5), ("z", 0.75)])])
    ((_, lines),) = read_run(path)
    assert [(line.doc_id, line.rank) for line in lines] == [("z", 1), ("a", 2), ("b", 3), ("c", 4)]


def test_the_same_rankings_give_the_same_bytes(tmp_path: Path) -> None:
    ranking = [(f"d{i}", (i * 7919 % 100) / 3) for i in range(300)]
    for name, pairs in [("a", ranking), ("b", ranking[::-1]), ("c", sorted(ranking))]:
        write_run(tmp_path / name, "s", [("q", pairs)])
    assert len({(tmp_path / name).read_bytes() for name in "abc"}) == 1


@given(st.lists(SCORES, max_size=50))
def test_separated_scores_strictly_decrease_in_single_precision(scores: list[float]) -> None:
    scores = sorted(scores, reverse=True)
    found = separated(scores)
    assert all(a > b for a, b in itertools.pairwise(found))
    # As written and read back, too.
    assert [np.float32(float(f"{x:.9g}")) for x in found] == list(found)


def test_separated_scores_keep_what_needs_no_separation() -> None:
    scores = np.array([3.5, 1.25, 0.0, -0.125, -7], np.float32)
    assert np.array_equal(separated(scores), scores)
    close = separated([0.5, 0.5, 0.5, 0.25])
    below = np.nextafter(np.float32(0.5), np.float32(0))
    assert close.tolist() == [0.5, below, np.nextafter(below, np.float32(0)), 0.25]


def test_trec_eval_sees_the_order_of_the_file(tmp_path: Path) -> None:
    """It compares in single precision and breaks ties by descending id."""
    path = tmp_path / "a.run"
    write_run(path, "s", [("q", [("a", 0.5 + 1e-9), ("b", 0.5)]), ("r", [("a", 0), ("b", 0)])])
    qrels = [ir_measures.Qrel("q", "a", 1), ir_measures.Qrel("r", "a", 1)]
    run = list(ir_measures.read_trec_run(str(path)))
    assert ir_measures.calc_aggregate([ir_measures.AP], qrels, run) == {ir_measures.AP: 1.0}


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([f"d{i}" for i in range(30)]), SCORES, min_size=1))
def test_what_was_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, scores: dict[str, float]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.run"
    write_run(path, "s", [("q", list(scores.items()))])
    ((query_id, lines),) = read_run(path)
    expected = sorted(scores, key=lambda doc_id: (-scores[doc_id], doc_id))
    assert [line.doc_id for line in lines] == expected
    assert [line.rank for line in lines] == [*range(1, len(scores) + 1)]
    assert {(query_id, line.query_id, line.system) for line in lines} == {("q", "q", "s")}


@pytest.mark.parametrize(
    ("system", "query_id", "ranking", "message"),
    [
        ("s", "q", [("d", float("nan"))], "gave 'd' the score nan for query 'q'"),
        ("s", "q", [("d", float("inf"))], "wanted a finite number"),
        ("s", "q", [("d", 1e39)], "single precision"),
        ("s", "q", [("d", 1), ("d", 2)], "named a document twice for query 'q'"),
        ("s", "q", [("d 1", 1)], "'d 1' cannot stand in a TREC file"),
        ("s", "q 1", [("d", 1)], "'q 1' cannot stand"),
        ("s s", "q", [("d", 1)], "'s s' cannot stand"),
        ("s", "", [("d", 1)], "'' cannot stand"),
    ],
)
def test_what_a_run_cannot_hold(
    tmp_path: Path, system: str, query_id: str, ranking: list[tuple[str, float]], message: str
) -> None:
    path = tmp_path / "a.run"
    path.write_text("what was there before")
    with pytest.raises(UsageError, match=message):
        write_run(path, system, [("first", [("d", 1)]), (query_id, ranking)])
    assert [p.read_text() for p in tmp_path.iterdir()] == ["what was there before"]


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GlassdexError, match=r"cannot write '.*a\.run'.*choose another folder"):
        write_run(tmp_path / "file" / "a.run", "s", [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("q Q0 d 1 0.5\n", r"a\.run:1: wanted query, Q0, document, rank, score, system"),
        ("q Q0 d 1 0.5 s\nq Q0 e two 0.4 s\n", r"a\.run:2: wanted"),
        ("q Q0 d 1 high s\n", r"a\.run:1: wanted"),
        ("q Q0 d 1 2 s\nr Q0 d 1 2 s\nq Q0 e 2 1 s\n", "the lines of query 'q' are not together"),
        ("q Q0 d 1 2 s\nq Q0 d 2 1 s\n", "query 'q' names a document twice"),
        ("q Q0 \udcff 1 2 s\n", "cannot be read"),
    ],
)
def test_a_malformed_run_names_the_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.run"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=message):
        list(read_run(path))


def test_a_missing_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.run' cannot be read"):
        list(read_run(tmp_path / "gone.run"))
