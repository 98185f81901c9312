from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from glassdex.indexer.probe import FEWEST, TOKENS, Probe, normalised_error
from glassdex.sae.autoencoder import SparseAutoencoder, Weights
from glassdex.sae.config import SAEConfig
from glassdex.sae.reader import Reader


def read(reader, texts):
    return [batch.hidden for batch in reader.read(reader.tokenize(texts))]


@pytest.fixture(scope="module")
def fitting(reader, demo_texts):
    """An SAE whose latents are both directions of principal components of the layer."""
    hidden = np.concatenate(read(reader, demo_texts[:60]))
    mean = hidden.mean(axis=0)
    directions = np.linalg.svd(hidden - mean, full_matrices=False)[2][:120]
    rows = torch.from_numpy(np.concatenate([directions, -directions]))
    weights = Weights(rows, torch.zeros(240), rows, torch.from_numpy(mean), torch.zeros(0))
    sae = SparseAutoencoder(SAEConfig(384, 240, "relu", None), weights)
    recipe = {"training_nmse": normalised_error(sae, hidden)}
    return SparseAutoencoder(replace(sae.config, recipe=recipe), weights)


@pytest.fixture(scope="module")
def hidden_of(reader, demo_texts):
    """Hidden states of other texts at a layer, batch by batch."""
    texts = demo_texts[200:230]

    @cache
    def read_layer(layer):
        same = Reader(reader.checkpoint, layer, reader._encoder, reader._tokenizer)
        return read(same, texts)

    return read_layer


def verdict(sae, batches):
    probe = Probe(sae)
    for hidden in batches:
        probe.add(hidden)
    return probe.warning()


def test_the_error_is_that_over_predicting_the_mean():
    weights = Weights(*(torch.zeros(s) for s in ((4, 3), (4,), (4, 3), (3,), (0,))))
    silent = SparseAutoencoder(SAEConfig(3, 4, "relu", None), weights)
    hidden = np.float32([[1, 0, 0], [3, 0, 4]])  # mean (2, 0, 2)
    assert normalised_error(silent, hidden) == pytest.approx((1 + 25) / (1 + 4 + 1 + 4))


def test_a_fitting_sae_is_not_complained_of(fitting, hidden_of):
    assert verdict(fitting, hidden_of(4)) is None


@pytest.mark.parametrize("layer", [1, 3, 5, 6])
def test_the_sae_of_another_layer_shows(fitting, hidden_of, layer):
    found = verdict(fitting, hidden_of(layer))
    assert found.startswith("this SAE reconstructs the hidden states badly: normalised error")
    assert "trained on this reader and layer" in found
    assert "\n" not in found


def test_a_random_sae_shows_without_a_word_on_its_training(tiny_sae, hidden_of):
    assert "training_nmse" not in tiny_sae.config.recipe
    assert "where less than 0.50 is usual" in verdict(tiny_sae, hidden_of(4))


def test_the_verdict_is_given_once(tiny_sae, hidden_of):
    probe = Probe(tiny_sae)
    for hidden in hidden_of(4):
        probe.add(hidden)
    assert probe.warning()
    assert probe.warning() is None
    probe.add(hidden_of(4)[0])
    assert probe.warning() is None


def test_there_is_no_verdict_on_too_little(tiny_sae, hidden_of):
    probe = Probe(tiny_sae)
    assert probe.warning() is None
    probe.add(np.zeros((0, 384), np.float32))
    probe.add(hidden_of(4)[0][:1])
    assert probe.warning() is None
    for hidden in hidden_of(4):
        probe.add(hidden)
    assert probe.warning()


def test_memory_is_bounded_and_batches_are_sampled_throughout(tiny_sae):
    probe = Probe(tiny_sae)
    rows = np.arange(1000, dtype=np.float32)[:, None] * np.ones((1, 384), np.float32)
    probe.add(rows)
    assert probe._seen[0][:, 0].max() > 900
    for _ in range(100):
        probe.add(rows)
    assert FEWEST < sum(map(len, probe._seen)) <= TOKENS
