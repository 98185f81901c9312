"""The bench's rows, not their values."""

from glassdex.evals.bench import bench_index, bench_search
from glassdex.indexer.document import Document
from glassdex.indexer.index import Index
from glassdex.settings import Settings


def test_every_row_is_a_ratio_within_the_run(tmp_path, demo_texts):
    documents = [Document(str(n), "d", "text", t) for n, t in enumerate(demo_texts[:40])]
    with Index.open_or_create(Settings(home=tmp_path, url=None), "bench") as index:
        rows = [*bench_index(index, documents), *bench_search(index)]
        assert index.documents.count() == 40
    for row in rows:
        assert row.value > 0
        assert row.ratio == row.value / row.reference
        assert row.to_json().keys() == {"bench", "case", "value", "unit", "reference", "ratio"}
    assert [row.bench for row in rows] == ["index"] * 2 + ["search"] * 4
