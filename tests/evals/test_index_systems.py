"""glassdex's own modes as systems: what is written does not depend on when or how often."""

import json

import pytest

from glassdex.evals.beir import load_beir
from glassdex.evals.evaluate import evaluate
from glassdex.evals.index_systems import mode_systems, open_set

TEXTS = {
    "d1": "The parcel came two weeks late and the box was crushed.",
    "d2": "Thank you so much, your colleague was wonderful.",
    "d3": "Mix the flour with water, then bake for an hour.",
    "d4": "Oh great, another update that breaks everything. Just what I needed.",
}


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "tiny"
    (made / "qrels").mkdir(parents=True)
    rows = [json.dumps({"_id": i, "title": "", "text": t}) for i, t in TEXTS.items()]
    (made / "corpus.jsonl").write_text("\n".join(rows))
    (made / "queries.jsonl").write_text(json.dumps({"_id": "q1", "text": "says thank you"}))
    (made / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td2\t1\n")
    return made


def test_run_files_are_the_same_byte_for_byte(folder, tmp_path):
    written = []
    for attempt in ("first", "again", "reopened"):
        indexes = tmp_path / ("first" if attempt == "reopened" else attempt)
        with open_set(load_beir(folder), indexes) as index:
            systems = mode_systems(index, ("hybrid", "property", "dense", "bm25"))
            report = evaluate([folder], lambda _, s=systems: s, tmp_path / "runs" / attempt)
        runs = {s.name: (tmp_path / "runs" / attempt / "tiny" / f"{s.name}.run") for s in systems}
        written.append({name: path.read_bytes() for name, path in runs.items()})
    assert written[0] == written[1] == written[2]
    assert report.systems["hybrid"]["tiny"].mean["AP"] == 1.0
    assert set(written[0]) == {"hybrid", "property", "dense", "bm25-index"}
