"""The query bench: its rows, the index it fills, the queries it asks."""

from itertools import islice

from glassdex.evals.bench_query import READING, bench_query, fill, queries
from glassdex.indexer.index import DENSE, LATENTS, WORDS, Index
from glassdex.search.request import MODES


def test_every_mode_beside_reading_the_query(bench_setup):
    rows = bench_query(bench_setup)
    assert [row.case for row in rows] == [f"30 documents, {m} / {READING}" for m in MODES]
    for row in rows:
        assert (row.bench, row.unit) == ("query", "ms")
        assert row.value > 0
        assert row.ratio == row.value / row.reference


def test_points_are_added_near_the_documents_and_all_different(bench_setup):
    documents = list(bench_setup.corpus.documents(4))
    with Index.open_or_create(bench_setup.settings, "filled") as index:
        fill(index, documents, 10)
        records = next(index.documents.scan(vectors=(DENSE, LATENTS, WORDS), page=20))
    assert len(records) == 10
    originals = {r.payload["text"]: r for r in records if r.id in {d.point_id for d in documents}}
    added = [record for record in records if record not in originals.values()]
    assert (len(originals), len(added)) == (4, 6)
    for record in added:
        original = originals[record.payload["text"]]
        cosines = {t: float(r.dense[DENSE] @ record.dense[DENSE]) for t, r in originals.items()}
        assert max(cosines, key=cosines.__getitem__) == record.payload["text"]
        assert cosines[record.payload["text"]] < 0.99
        assert set(record.sparse[LATENTS].indices) < set(original.sparse[LATENTS].indices)
        assert record.sparse[WORDS] == original.sparse[WORDS]
    assert len({record.dense[DENSE].tobytes() for record in records}) == 10


def test_no_query_is_asked_twice_before_all_were():
    texts = ["one two three four five six seven eight nine ten", "few words"]
    asked = list(islice(queries(texts), 5))
    assert asked[:4] == [
        "one two three four five six seven eight",
        "few words",
        "two three four five six seven eight nine",
        "three four five six seven eight nine ten",
    ]
    assert asked[4] == asked[0]
