"""The catalogue by meaning, and one latent looked at on real documents."""

import numpy as np
import pytest

from glassdex.errors import UsageError
from glassdex.search.latents import find_latents, inspect_latent


def test_latents_come_nearest_first(index, bundle):
    found = find_latents(index, "please send a refund", 10)
    vector = bundle.encoder.encode_query("please send a refund").dense[0]
    cosines = bundle.catalogue.vectors @ vector
    best = np.sort(cosines)[::-1][:10]
    np.testing.assert_allclose([latent.similarity for latent in found], best, atol=1e-5)
    for latent in found:
        assert latent.similarity == pytest.approx(float(cosines[latent.id]), abs=1e-5)
        assert latent.label == f"label {latent.id}"


def test_without_a_text_the_most_frequent_come_first(index, bundle):
    found = find_latents(index, "", 7)
    assert [latent.density for latent in found] == sorted(bundle.catalogue.density, reverse=True)[
        :7
    ]
    assert all(latent.similarity is None for latent in found)


def test_a_page_counts_what_is_in_the_index(index, documents, bundle, stored):
    activations = stored(documents).latents.toarray()
    latent = int(np.argmax((activations > 0).sum(0)))
    column = activations[:, latent]
    page = inspect_latent(index, latent, 4)
    assert page.documents == (column > 0).sum()
    assert page.density == pytest.approx((column > 0).mean())
    assert sum(page.histogram.counts) == page.documents
    assert page.histogram.edges[-1] == pytest.approx(column.max(), rel=1e-6)
    expected = sorted(column, reverse=True)[:4]
    np.testing.assert_allclose([p.activation for p in page.passages], expected, rtol=1e-6)
    for passage in page.passages:
        strongest = max(passage.spans, key=lambda span: span.activation)
        assert strongest.activation == pytest.approx(passage.activation, rel=5e-4)


def test_co_active_latents_are_active_in_the_same_documents(index, documents, bundle, stored):
    active = stored(documents).latents.toarray() > 0
    latent = int(np.argmax(active.sum(0)))
    for other in inspect_latent(index, latent, 1).co_active:
        share = active[active[:, latent], other.id].mean()
        assert other.id != latent
        assert other.share == pytest.approx(share)
        assert other.lift == pytest.approx(share / max(active[:, other.id].mean(), 1e-3))


def test_a_silent_latent_has_an_empty_page(index, documents, bundle, stored):
    active = stored(documents).latents.toarray() > 0
    silent = np.flatnonzero(~active.any(0))
    if not len(silent):
        pytest.skip("every latent of the test SAE is active somewhere")
    page = inspect_latent(index, int(silent[0]), 3)
    assert (page.documents, page.passages, page.co_active) == (0, [], [])


def test_a_latent_that_is_not_there_is_refused(index):
    with pytest.raises(UsageError, match="no latent 192: this SAE has 0 to 191"):
        inspect_latent(index, 192, 1)
