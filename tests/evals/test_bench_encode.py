"""The rows of the encoding bench, not their values."""

from glassdex.evals.bench_encode import FORWARD, bench_encode, speeds_of
from glassdex.evals.peers import SENTENCE_TRANSFORMERS
from glassdex.sae.precision import quickest


def test_every_sae_has_a_row_for_each_reference(bench_setup):
    rows = bench_encode(bench_setup)
    references = [FORWARD, *([SENTENCE_TRANSFORMERS.name] * SENTENCE_TRANSFORMERS.usable)]
    saes = [
        f"{name}, {quickest()} screen"
        for name in ("d_sae 4096 bundled", "d_sae 64 random", "d_sae 128 random")
    ]
    assert [row.case for row in rows] == [
        *(f"{sae}, end to end / {reference}" for sae in saes for reference in references),
        *(f"{sae}, SAE alone / dense torch" for sae in saes),
    ]
    for row in rows:
        assert (row.bench, row.unit) == ("encode", "tokens/s")
        assert row.value > 0
        assert row.ratio == row.value / row.reference


def test_only_tokens_that_a_peer_reads_count_for_it(reader):
    tokens = reader.tokenize(["word " * 500, "one two three"])
    spent = {FORWARD: 2.0, SENTENCE_TRANSFORMERS.name: 2.0}
    speeds = speeds_of(spent, reader, tokens)
    assert speeds[FORWARD] == (500 + 3) / 2
    assert speeds[SENTENCE_TRANSFORMERS.name] == (reader.window + 3) / 2
