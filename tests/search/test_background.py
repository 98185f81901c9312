"""The corpus sample against numpy on everything."""

import numpy as np

from glassdex.search.background import Vectors, read_background, vectors_of
from glassdex.store.types import Point, SparseVector


def test_it_measures_what_is_in_the_index(index, documents, bundle, stored):
    background = read_background(index)
    assert background.sample.ids == sorted(d.point_id for d in documents)
    encoded = stored(documents)
    latents = encoded.latents.toarray().astype(np.float64)
    scaled = latents / background.scale
    np.testing.assert_allclose(background.mean, scaled.mean(0), atol=1e-9)
    np.testing.assert_allclose(background.spread, scaled.std(0), atol=1e-6)
    np.testing.assert_allclose(background.dense_mean, encoded.dense.mean(0), atol=1e-6)
    share = (latents > 0).mean(0)
    np.testing.assert_allclose(background.frequency, share, atol=1 / len(documents))
    assert (background.frequency > 0).all()
    assert (background.idf >= 0).all()


def test_a_latent_that_never_was_active_has_scale_one(index):
    catalogue = index.bundle.catalogue
    background = read_background(index)
    silent = catalogue.p90 == 0
    assert (background.scale[silent] == 1).all()
    np.testing.assert_array_equal(background.scale[~silent], catalogue.p90[~silent])


def test_documents_without_words_or_latents_are_kept():
    dense = np.ones(3, np.float32)
    points = [
        Point("a", {}, {"dense": dense}, {"latents": SparseVector.of([1, 4], [2.0, 3.0])}),
        Point("b", {}, {"dense": dense}, {"bm25": SparseVector.of([7], [0.5])}),
    ]
    vectors = vectors_of(points, 3, 6)
    np.testing.assert_array_equal(
        vectors.latents.toarray(), [[0, 2, 0, 0, 3, 0], [0, 0, 0, 0, 0, 0]]
    )
    np.testing.assert_array_equal(vectors.word_scores({7: 4.0, 8: 1.0}), [0.0, 2.0])
    turned = vectors[np.array([1, 0])]
    assert turned.ids == ["b", "a"]
    np.testing.assert_array_equal(turned.latents.toarray()[1], [0, 2, 0, 0, 3, 0])


def test_no_documents_are_vectors_too():
    vectors = vectors_of([], 3, 6)
    assert isinstance(vectors, Vectors)
    assert len(vectors) == 0
    assert vectors.dense.shape == (0, 3)
    assert vectors.latents.shape == (0, 6)
