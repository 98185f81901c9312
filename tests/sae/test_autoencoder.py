from dataclasses import replace

import numpy as np
import pytest
import torch

from glassdex.errors import SAEError
from glassdex.sae.autoencoder import SparseAutoencoder, Weights, weight_shapes
from glassdex.sae.config import SAEConfig

D_IN, D_SAE = 24, 60
BLOCK = 128
"""The most rows that are looked at together."""
KINDS = [("topk", 6), ("batchtopk", 6), ("relu", None), ("jumprelu", None)]


def random_sae(activation="topk", k=6, scale=0.5, seed=0, d_sae=D_SAE):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    config = SAEConfig(D_IN, d_sae, activation, k, scale=scale)
    (thresholds,) = weight_shapes(config).get("threshold", (0,))
    decoder = torch.nn.functional.normalize(normal(d_sae, D_IN), dim=1)
    threshold = normal(thresholds).abs()
    return SparseAutoencoder(
        config, Weights(normal(d_sae, D_IN), normal(d_sae), decoder, normal(D_IN), threshold)
    )


def states(rows, seed=1):
    return np.random.default_rng(seed).normal(size=(rows, D_IN)).astype(np.float32) * 3


def naive_codes(sae, x):
    """The definition in float64, one row at a time."""
    w = {name: tensor.numpy().astype(np.float64) for name, tensor in sae.weights.named().items()}
    pre = (x * sae.config.scale - w["b_dec"]) @ w["W_enc"].T + w["b_enc"]
    if sae.config.activation == "topk":
        keep = np.zeros(pre.shape, bool)
        np.put_along_axis(keep, np.argsort(-pre, 1)[:, : sae.config.k], True, axis=1)
        keep &= pre > 0
    else:
        keep = pre > w.get("threshold", 0.0)
    return np.where(keep, pre, 0)


@pytest.mark.parametrize(("activation", "k"), KINDS)
def test_encode_is_its_definition(activation, k):
    sae, x = random_sae(activation, k), states(BLOCK + 37)
    codes = sae.encode(x)
    assert codes.shape == (len(x), D_SAE)
    assert codes.dtype == np.float32
    assert codes.has_canonical_format
    assert codes.nnz == 0 or codes.data.min() > 0
    np.testing.assert_allclose(codes.toarray(), naive_codes(sae, x), atol=2e-4)


@pytest.mark.parametrize("d_sae", [60, 300, 1100])
@pytest.mark.parametrize(("activation", "k"), KINDS)
def test_encode_equals_the_plain_formula_to_the_last_bit(activation, k, d_sae):
    sae, x = random_sae(activation, k, d_sae=d_sae), states(BLOCK + 37)
    assert np.array_equal(sae.encode(x).toarray(), sae.codes(x))
    assert np.array_equal(sae.encode(x[:9]).toarray(), sae.codes(x)[:9])


@pytest.mark.parametrize(("activation", "k"), KINDS)
def test_a_code_does_not_depend_on_the_rows_it_comes_with(activation, k):
    sae, x = random_sae(activation, k), states(2 * BLOCK + 101)
    whole = sae.encode(x).toarray()
    for size in (1, 7, 130, BLOCK - 1, BLOCK + 1):
        rows = slice(100, 100 + size)
        assert np.array_equal(sae.encode(x[rows]).toarray(), whole[rows])


@pytest.mark.parametrize(("activation", "k"), KINDS)
def test_encode_max_is_the_maximum_over_each_documents_rows(activation, k):
    sae, x = random_sae(activation, k), states(3 * BLOCK)
    # Documents of no rows, of a few, and one that covers more than two whole blocks.
    lengths = [3, 0, 0, 70, 2 * BLOCK + 5, 1, 0, BLOCK - 79, 0]
    segment = np.repeat(np.arange(len(lengths)), lengths)
    codes = sae.encode(x).toarray()
    wanted = np.zeros((len(lengths), D_SAE), np.float32)
    np.maximum.at(wanted, segment, codes)
    pooled = sae.encode_max(x, segment, len(lengths))
    assert np.array_equal(pooled.toarray(), wanted)
    assert pooled.has_canonical_format


@pytest.mark.parametrize(("activation", "k"), KINDS)
def test_activations_of_are_the_columns_of_encode(activation, k):
    sae, x = random_sae(activation, k), states(BLOCK + 11)
    latents = np.array([5, 0, 59, 5])
    assert np.array_equal(sae.activations_of(x, latents), sae.encode(x).toarray()[:, latents])


def test_decode_goes_back_to_input_space():
    sae, x = random_sae(scale=0.25), states(9)
    codes = sae.encode(x)
    weights = sae.weights
    wanted = (codes.toarray() @ weights.w_dec.numpy() + weights.b_dec.numpy()) / 0.25
    decoded = sae.decode(codes)
    assert decoded.dtype == np.float32
    np.testing.assert_allclose(decoded, wanted, rtol=1e-4, atol=1e-4)


def test_read_only_and_half_precision_inputs_are_welcome():
    sae, x = random_sae(), states(5).astype(np.float16)
    x.flags.writeable = False
    latents = np.arange(3)
    latents.flags.writeable = False
    codes = sae.encode(x).toarray()
    assert np.array_equal(codes, sae.encode(x.astype(np.float32)).toarray())
    assert np.array_equal(sae.activations_of(x, latents), codes[:, :3])


def test_tied_activations_go_to_the_lower_latent():
    rows = torch.ones(D_SAE, D_IN) / D_IN**0.5
    config = SAEConfig(D_IN, D_SAE, "topk", 4)
    weights = Weights(rows, torch.zeros(D_SAE), rows, torch.zeros(D_IN), torch.zeros(0))
    codes = SparseAutoencoder(config, weights).encode(np.abs(states(9)))
    assert codes.indices.tolist() == [0, 1, 2, 3] * (9)


def test_states_that_are_not_numbers_activate_nothing():
    sae, x = random_sae("batchtopk"), states(9)
    x[1], x[2, 0] = np.nan, np.inf
    codes = sae.encode(x)
    assert np.diff(codes.indptr)[1] == 0
    assert np.isfinite(codes[[0, 3]].data).all()


def test_no_rows():
    sae, x = random_sae(), states(0)
    assert sae.encode(x).shape == (0, D_SAE)
    assert sae.encode_max(x, np.zeros(0, np.int64), 2).shape == (2, D_SAE)
    assert sae.activations_of(x, np.array([1])).shape == (0, 1)
    assert sae.decode(sae.encode(x)).shape == (0, D_IN)


def test_wrong_inputs_are_refused():
    sae, x = random_sae(), states(4)
    with pytest.raises(SAEError, match=r"shape \(4, 23\); this SAE wants \(rows, 24\)"):
        sae.encode(x[:, 1:])
    with pytest.raises(SAEError, match="latents -1 to 60 were asked for; this SAE has 0 to 59"):
        sae.activations_of(x, np.array([-1, 60]))
    for segment in ([0, 1, 0, 1], [-1, 0, 1, 1], [0, 1, 1, 2]):
        with pytest.raises(SAEError, match="wanted ascending documents from 0 to 1"):
            sae.encode_max(x, np.array(segment), 2)
    with pytest.raises(SAEError, match=r"segment has shape \(3,\)"):
        sae.encode_max(x, np.array([0, 0, 1]), 2)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"w_enc": torch.zeros(D_IN, D_SAE)}, "'W_enc'"),
        ({"b_dec": torch.zeros(D_IN, dtype=torch.float64)}, "'b_dec'"),
        ({"threshold": torch.zeros(0)}, "'threshold' is no values"),
        ({"threshold": torch.full((1,), -0.1)}, "wanted no negative value"),
    ],
)
def test_weights_that_do_not_fit_are_refused(change, told):
    sae = random_sae("batchtopk")
    with pytest.raises(SAEError, match=told):
        SparseAutoencoder(sae.config, replace(sae.weights, **change))


def test_the_hash_changes_with_all_that_fixes_an_activation():
    sae = random_sae("batchtopk")
    others = [
        SparseAutoencoder(replace(sae.config, scale=0.6), sae.weights),
        SparseAutoencoder(replace(sae.config, k=7), sae.weights),
        *(
            SparseAutoencoder(sae.config, replace(sae.weights, **{name: tensor + 1e-3}))
            for name, tensor in vars(sae.weights).items()
        ),
    ]
    hashes = [sae.weights_sha256, *(other.weights_sha256 for other in others)]
    assert len(set(hashes)) == len(hashes)
    same = SparseAutoencoder(replace(sae.config, recipe={"by": "hand"}), sae.weights)
    assert same.weights_sha256 == sae.weights_sha256
