"""Search end to end on a small real index, on both engines."""

import numpy as np
import pytest

from glassdex.errors import UsageError
from glassdex.indexer.run import index_documents
from glassdex.search.request import MODES, SearchRequest
from glassdex.search.searcher import Searcher
from glassdex.store.filters import parse

QUERIES = ("sarcastic remarks", "asks for a refund", "thanks the staff", "🙂 قهوة")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("query", QUERIES)
def test_a_score_is_the_sum_of_what_is_shown(searcher, mode, query):
    result = searcher.search(SearchRequest(query, k=20, mode=mode), spans=False)
    for hit in result.hits:
        sources = [s.contribution for s in hit.sources.values()]
        assert hit.score == pytest.approx(sum(sources), abs=1e-5)
        if "property" in hit.sources:
            latents = [c.contribution for c in hit.latents]
            assert hit.sources["property"].contribution == pytest.approx(sum(latents), abs=1e-5)


def test_property_scores_are_weights_times_activations(searcher, documents, bundle, stored):
    result = searcher.search(SearchRequest("thanks the staff", k=50, mode="property"), spans=False)
    weight = np.zeros(len(bundle.catalogue))
    for latent in result.latents:
        weight[latent.id] = latent.weight / bundle.catalogue.p90[latent.id]
    oracle = stored(documents).latents @ weight
    expected = sorted(oracle.tolist(), reverse=True)[:50]
    np.testing.assert_allclose([hit.score for hit in result.hits], expected, atol=1e-5)


def test_dense_scores_are_cosines(searcher, documents, bundle, stored):
    result = searcher.search(SearchRequest("bad weather", k=150, mode="dense"), spans=False)
    dense = stored(documents).dense
    cosines = dict(
        zip(
            [d.doc_id for d in documents],
            dense @ bundle.encoder.encode_query("bad weather").dense[0],
            strict=True,
        )
    )
    assert len(result.hits) == 150
    for hit in result.hits:
        assert hit.score == pytest.approx(float(cosines[hit.payload["doc_id"]]), abs=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_asking_for_fewer_gives_the_same_first_ones(searcher, mode):
    def first(k):
        return searcher.ranking(SearchRequest("asks for a refund", k=k, mode=mode))

    assert first(7) == first(100)[:7]


def test_hits_are_ordered_by_score_then_id(searcher):
    hits = searcher.search(SearchRequest("refund", k=100), spans=False).hits
    keys = [(-hit.score, hit.id) for hit in hits]
    assert keys == sorted(keys)


def test_both_engines_and_any_order_give_the_same_ranking(make_index, documents):
    rankings = []
    for engine, order in (("memory", documents), ("edge", documents), ("edge", documents[::-1])):
        index = make_index(engine)
        index_documents(index, order)
        found = Searcher(index)
        rankings.append(
            [found.ranking(SearchRequest(q, k=60, mode=m)) for q in QUERIES for m in MODES]
        )
        index.close()
    assert rankings[0] == rankings[1] == rankings[2]


def test_latents_alone_are_a_search(searcher, documents, bundle, stored):
    latent = int(np.argmax(bundle.catalogue.density))
    result = searcher.search(SearchRequest(mode="property", weights={latent: 2.0}, k=5))
    assert [(w.id, w.weight) for w in result.latents] == [(latent, 2.0)]
    activations = stored(documents).latents.toarray()[:, latent]
    expected = sorted(2.0 * activations / bundle.catalogue.p90[latent], reverse=True)[:5]
    np.testing.assert_allclose([hit.score for hit in result.hits], expected, rtol=1e-5)
    assert all(hit.spans for hit in result.hits)


def test_a_weight_of_zero_takes_a_latent_out(searcher):
    before = searcher.search(SearchRequest("refund", mode="property"), spans=False)
    strongest = before.latents[0].id
    after = searcher.search(
        SearchRequest("refund", mode="property", weights={strongest: 0.0}), spans=False
    )
    assert strongest not in {w.id for w in after.latents}
    assert all(strongest not in {c.id for c in hit.latents} for hit in after.hits)


def test_what_is_not_wanted_falls(searcher):
    def place(doc_id, **changes):
        ranking = searcher.ranking(SearchRequest("delivery", k=150, mode="dense", **changes))
        return [found for found, _ in ranking].index(doc_id)

    plain = searcher.search(SearchRequest("delivery", k=1, mode="dense"), spans=False).hits[0]
    doc_id = plain.payload["doc_id"]
    assert place(doc_id) == 0
    assert place(doc_id, negatives=(plain.payload["text"],)) > 0


def test_a_filter_leaves_only_what_it_names(searcher, documents):
    result = searcher.search(
        SearchRequest("refund", k=200, mode="dense", where=parse(["n<20", "kind=support_mail"]))
    )
    assert {hit.payload["doc_id"] for hit in result.hits} == {
        d.doc_id for d in documents[:20] if d.metadata["kind"] == "support_mail"
    }
    nothing = searcher.search(SearchRequest("refund", where=parse(["kind=poem"])))
    assert nothing.hits == []


def test_spans_show_where_the_latents_are_active(searcher):
    result = searcher.search(SearchRequest("refund", k=3, mode="property"))
    for hit in result.hits:
        text = hit.payload["text"]
        shown = {c.id: c.activation for c in hit.latents[:8]}
        assert {span.latent for span in hit.spans} == shown.keys()
        for latent, activation in shown.items():
            spans = [s for s in hit.spans if s.latent == latent]
            assert max(s.activation for s in spans) == pytest.approx(activation, rel=5e-4)
            assert all(0 <= s.start < s.end <= len(text) for s in spans)


def test_an_index_without_documents_answers_with_nothing(make_index):
    index = make_index("memory")
    found = Searcher(index)
    for mode in MODES:
        assert found.search(SearchRequest("anything", mode=mode)).hits == []


def test_one_document_is_found_in_every_mode_that_can(make_index, documents):
    index = make_index("edge")
    index_documents(index, documents[:1])
    found = Searcher(index)
    for mode in ("hybrid", "property", "dense"):
        hits = found.search(SearchRequest(documents[0].text, mode=mode)).hits
        assert [hit.payload["doc_id"] for hit in hits] == [documents[0].doc_id]
    index.close()


def test_a_query_without_words_is_answered(searcher):
    for text in ("?!", "the of and", "\u200b"):
        assert len(searcher.search(SearchRequest(text, k=5, mode="hybrid"), spans=False).hits) == 5
        assert searcher.search(SearchRequest(text, k=5, mode="bm25"), spans=False).hits == []


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"text": ""}, "the query is empty"),
        ({"text": " ", "mode": "dense"}, "searches by words"),
        ({"weights": {1: 0.0}, "mode": "property"}, "with a weight but 0"),
        ({"text": "x", "mode": "bm25", "negatives": ("y",)}, "cannot search for less"),
        ({"text": "x", "mode": "dense", "weights": {1: 1.0}}, "no latents to weigh"),
        ({"text": "x", "mode": "magic"}, "there is no mode 'magic'"),
        ({"text": "x", "k": 0}, "0 hits were asked for"),
        ({"text": "x" * 10_001}, "10001 characters"),
        ({"text": "\ud800"}, "half of a character"),
        ({"text": "x", "negatives": ("y",) * 17}, "17 negative texts"),
        ({"text": "x", "weights": {1: float("nan")}}, "not a finite number"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(request_, told):
    with pytest.raises(UsageError, match=told):
        SearchRequest(**request_)


def test_a_latent_that_is_not_there_is_refused(searcher):
    with pytest.raises(UsageError, match="no latent 9999: this SAE has 0 to 191"):
        searcher.search(SearchRequest("x", weights={9999: 1.0}))
