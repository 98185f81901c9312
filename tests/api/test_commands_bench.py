"""`glassdex bench` as a user meets it."""

import json

import pytest

from glassdex.evals.bench_suite import absent_peers

KEYS = {"bench", "case", "value", "unit", "reference", "ratio"}


@pytest.fixture(autouse=True)
def _small(monkeypatch, tiny_bench):
    monkeypatch.setattr("glassdex.evals.bench.QUICK", tiny_bench)


def test_json_is_the_contract_and_the_chart_is_drawn(glassdex, tmp_path):
    chart = tmp_path / "speed.svg"
    ran = glassdex("bench", "query", "--json", "--chart", chart)
    assert ran.code == 0
    assert ran.json.keys() == {"results"}
    assert all(row.keys() == KEYS for row in ran.json["results"])
    assert [row["bench"] for row in ran.json["results"]] == ["query"] * 4
    assert "<svg" in chart.read_text(encoding="utf-8")


def test_a_table_for_people(glassdex):
    ran = glassdex("bench", "train")
    assert ran.code == 0
    assert "d_sae 64, batch 32" in ran.out
    for peer in absent_peers(["train"]):
        assert f"no {peer.name} to compare with" in ran.err
    assert ran.err.count("'.[peers]'") == len(absent_peers(["train"]))


def test_texts_of_ones_own(glassdex, tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps({"id": n, "text": f"text {n}"}) + "\n" for n in "abc"))
    ran = glassdex("bench", "query", "--documents", path, "--json")
    assert ran.code == 0
    assert len(ran.json["results"]) == 4


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("bench", "speed"), 2),
        (("bench", "query", "--chart", "speed.pdf"), 2),
        (("bench", "query", "--documents", "missing.jsonl"), 1),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_measured(glassdex, arguments, code):
    ran = glassdex(*arguments)
    assert ran.code == code
    assert "error:" in ran.err
