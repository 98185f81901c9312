"""An evaluation from folders to numbers."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import ir_measures
import pytest

from glassdex.errors import InputError, UsageError
from glassdex.evals.beir import BeirSet
from glassdex.evals.evaluate import EvalStep, evaluate
from glassdex.evals.measures import MEASURES
from glassdex.evals.runs import Ranking
from glassdex.evals.systems import BM25System, RandomSystem, System
from glassdex.indexer.failures import Failure

DATA = Path("/work/shared/data/retrieval")


class Fixed:
    """Answers what it was told to."""

    def __init__(self, name: str, answers: dict[str, Ranking]) -> None:
        self.name = name
        self._answers = answers

    def rank(self, query: str, k: int) -> Ranking:
        return self._answers.get(query, [])[:k]


def make(folder: Path, texts: dict[str, str], qrels: dict[str, list[str]]) -> Path:
    (folder / "qrels").mkdir(parents=True)
    rows = [{"_id": doc_id, "title": "", "text": text} for doc_id, text in texts.items()]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    queries = [{"_id": f"id-{query}", "text": query} for query in qrels]
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in queries))
    lines = [f"id-{query}\t{doc_id}\t1\n" for query, ids in qrels.items() for doc_id in ids]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    texts = {"a": "cats and dogs", "b": "dogs", "c": "birds", "d": "fish and birds"}
    return [
        make(tmp_path / "one", texts, {"cats": ["a"], "dogs": ["a", "b"]}),
        make(tmp_path / "two", texts, {"birds": ["c", "d"]}),
    ]


def baselines(beir: BeirSet) -> Sequence[System]:
    ids = [document.doc_id for document in beir.documents()]
    return [RandomSystem(ids), BM25System(beir.documents())]


def test_numbers_by_hand(folders: list[Path], tmp_path: Path) -> None:
    answers: dict[str, Ranking] = {
        "cats": [("b", 3), ("a", 2)],
        "dogs": [("a", 1.5), ("c", 1), ("b", 0.5)],
        "birds": [("c", 9)],
    }
    report = evaluate(folders, lambda _: [Fixed("fixed", answers)], tmp_path / "out")
    one = [1 / 2, (1 + 2 / 3) / 2]
    discount = 1 / math.log2(3)
    gains = [discount, (1 + 1 / 2) / (1 + discount)]
    two = {"AP": 1 / 2, "P@10": 0.1, "P@50": 0.02, "nDCG@10": 1 / (1 + discount)}
    found = report.to_json()["systems"]["fixed"]
    assert found["datasets"]["one"] == pytest.approx(
        {"AP": sum(one) / 2, "P@10": 0.15, "P@50": 0.03, "nDCG@10": sum(gains) / 2}, abs=1e-9
    )
    assert found["datasets"]["two"] == pytest.approx(two, abs=1e-9)
    assert found["mean"]["AP"] == pytest.approx((sum(one) / 2 + 1 / 2) / 2, abs=1e-9)
    assert report.per_query("fixed")["one"] == pytest.approx(
        {"id-cats": one[0], "id-dogs": one[1]}, abs=1e-9
    )


def test_json_has_the_shape_of_the_contract(folders: list[Path], tmp_path: Path) -> None:
    found = json.loads(json.dumps(evaluate(folders, baselines, tmp_path / "out").to_json()))
    assert list(found) == ["systems"]
    assert set(found["systems"]) == {"random", "bm25"}
    for system in found["systems"].values():
        assert set(system) == {"mean", "datasets"}
        assert tuple(system["mean"]) == MEASURES
        assert {tuple(scores) for scores in system["datasets"].values()} == {MEASURES}
        assert set(system["datasets"]) == {"one", "two"}


def test_every_number_can_be_computed_again_from_the_files(
    folders: list[Path], tmp_path: Path
) -> None:
    report = evaluate(folders, baselines, tmp_path / "out")
    measures = [ir_measures.parse_measure(name) for name in MEASURES]
    for system, datasets in report.systems.items():
        for dataset, scores in datasets.items():
            assert scores.run == tmp_path / "out" / dataset / f"{system}.run"
            again = ir_measures.calc_aggregate(
                measures,
                list(ir_measures.read_trec_qrels(str(scores.qrels))),
                list(ir_measures.read_trec_run(str(scores.run))),
            )
            assert {str(m): v for m, v in again.items()} == pytest.approx(scores.mean, abs=1e-9)


def test_two_runs_write_the_same_bytes(folders: list[Path], tmp_path: Path) -> None:
    reports = [evaluate(folders, baselines, tmp_path / out) for out in ("x", "y")]
    files = sorted(p.relative_to(tmp_path / "x") for p in (tmp_path / "x").rglob("*.*"))
    assert len(files) == 6
    assert all(
        (tmp_path / "x" / f).read_bytes() == (tmp_path / "y" / f).read_bytes() for f in files
    )
    assert reports[0].to_json() == reports[1].to_json()


def test_a_query_without_an_answer_lowers_the_mean(folders: list[Path], tmp_path: Path) -> None:
    full: dict[str, Ranking] = {"cats": [("a", 1)], "dogs": [("a", 2), ("b", 1)]}
    part = {"dogs": full["dogs"]}
    report = evaluate(
        folders[:1], lambda _: [Fixed("full", full), Fixed("part", part)], tmp_path / "out"
    )
    assert (report.mean("full")["AP"], report.mean("part")["AP"]) == (1, 0.5)


def test_runs_are_as_deep_as_the_corpus_unless_told_otherwise(
    folders: list[Path], tmp_path: Path
) -> None:
    report = evaluate(folders[:1], baselines, tmp_path / "deep")
    assert len(report.systems["bm25"]["one"].run.read_text().splitlines()) == 2 * 4
    report = evaluate(folders[:1], baselines, tmp_path / "flat", depth=3)
    assert len(report.systems["bm25"]["one"].run.read_text().splitlines()) == 2 * 3


def test_progress_tells_every_query(folders: list[Path], tmp_path: Path) -> None:
    steps: list[EvalStep] = []
    evaluate(folders, baselines, tmp_path / "out", steps.append)
    assert steps[:2] == [EvalStep("one", "random", 1, 2), EvalStep("one", "random", 2, 2)]
    assert len(steps) == 2 * (2 + 1)


def test_documents_left_out_are_reported(folders: list[Path], tmp_path: Path) -> None:
    with (folders[0] / "corpus.jsonl").open("a") as stream:
        stream.write('{"_id": "e", "text": ""}\n')
    with pytest.raises(InputError, match="is empty"):
        evaluate(folders, baselines, tmp_path / "out")
    failures: list[Failure] = []
    evaluate(folders, baselines, tmp_path / "out", on_failure=failures.append)
    assert len(failures) == 1


@pytest.mark.parametrize("name", ["", "../x", "a b", "a/b", ".hidden"])
def test_a_system_name_must_be_a_file_name(folders: list[Path], tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="names a file"):
        evaluate(folders, lambda _: [Fixed(name, {})], tmp_path / "out")


def test_names_must_be_distinct(folders: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two systems are called 's'"):
        evaluate(folders, lambda _: [Fixed("s", {}), Fixed("s", {})], tmp_path / "out")
    with pytest.raises(UsageError, match="two datasets are called 'one'"):
        evaluate([folders[0], folders[0]], baselines, tmp_path / "out")
    with pytest.raises(UsageError, match="no BEIR folder given"):
        evaluate([], baselines, tmp_path / "out")


def test_every_dataset_needs_the_same_systems(folders: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the systems on 'two' are two, on the datasets before"):
        evaluate(folders, lambda beir: [Fixed(beir.name, {})], tmp_path / "out")


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data are not at {DATA}")
def test_bm25_on_real_data_is_far_above_chance(tmp_path: Path) -> None:
    report = evaluate([DATA / "clinc_intents"], baselines, tmp_path)
    assert report.mean("random")["AP"] == pytest.approx(0.021, abs=0.005)
    assert report.mean("bm25")["AP"] == pytest.approx(0.544, abs=0.001)
