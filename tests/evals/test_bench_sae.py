"""SAEs made for measuring: as sparse as they should be, and encoded alike in both ways."""

import numpy as np
import pytest

from glassdex.evals.bench_sae import (
    K,
    dense_encode_max,
    hidden_states,
    random_sae,
    write_random_sae,
)
from glassdex.sae.bundle import load_bundle


@pytest.fixture(scope="module")
def hidden(reader, demo_texts):
    return hidden_states(reader, list(demo_texts[:20]))


def test_hidden_states_are_one_for_each_token(reader, demo_texts, hidden):
    tokens = reader.tokenize(demo_texts[:20])
    assert hidden.shape == (sum(len(encoding.ids) for encoding in tokens), reader.width)


def test_about_k_latents_of_a_token_are_active(reader, hidden):
    sae = random_sae(reader, hidden, 512)
    assert sae.encode(hidden).nnz / len(hidden) == pytest.approx(K, rel=0.02)


def test_the_dense_way_gives_the_same_codes(reader, hidden):
    """It is what the quick way is compared with, so it must do the same work."""
    sae = random_sae(reader, hidden, 512)
    segment = np.sort(np.arange(len(hidden)) % 7)
    dense = dense_encode_max(sae, hidden, segment, 8).numpy()
    quick = sae.encode_max(hidden, segment, 8).toarray()
    threshold = float(sae.weights.threshold)
    sure = np.abs(dense - threshold) > 1e-4  # a float32 sum may fall on either side
    np.testing.assert_allclose(dense[sure], quick[sure], atol=1e-4)
    assert not dense[7].any()


def test_a_written_one_can_be_indexed_with(reader, hidden, tmp_path):
    sae = random_sae(reader, hidden, 128)
    write_random_sae(tmp_path, sae)
    bundle = load_bundle(str(tmp_path))
    assert bundle.encoder.sae.weights_sha256 == sae.weights_sha256
    assert len(bundle.catalogue) == 128
