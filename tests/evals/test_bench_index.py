"""The rows of the indexing bench, not their values."""

from glassdex.evals.bench import Target
from glassdex.evals.bench_encode import FORWARD
from glassdex.evals.bench_index import bench_index
from glassdex.evals.peers import SENTENCE_TRANSFORMERS
from glassdex.sae.precision import quickest


def test_two_saes_beside_every_reference(bench_setup):
    rows = bench_index(bench_setup)
    references = [FORWARD, *([SENTENCE_TRANSFORMERS.name] * SENTENCE_TRANSFORMERS.usable)]
    assert [row.case for row in rows] == [
        f"{sae}, {quickest()} screen, end to end / {reference}"
        for sae in ("d_sae 4096 bundled", "d_sae 128 random")
        for reference in references
    ]
    for row in rows:
        assert (row.bench, row.unit) == ("index", "tokens/s")
        assert row.value > 0
        assert row.ratio == row.value / row.reference
    assert rows[0].target == Target(0.8)
    assert list(bench_setup.settings.home.iterdir()) == []  # nothing is left behind
