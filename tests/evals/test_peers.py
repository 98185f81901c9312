"""Other people's programs: found or not, and driven as they should be."""

import numpy as np
import pytest
import torch

from glassdex.evals.peers import (
    SENTENCE_TRANSFORMERS,
    TRAINERS,
    Peer,
    TrainShape,
    sentence_transformer,
    why_not,
)

SHAPE = TrainShape(d_in=16, d_sae=64, k=4, batch=32, dead=6)


def test_what_is_not_installed_is_not_usable():
    nobody = Peer("nobody", "json", "a-package-that-nobody-has-installed")
    assert why_not(nobody) == "not installed"
    assert not nobody.usable


def test_what_is_installed_but_broken_says_why():
    reason = why_not(Peer("numpy", "a_module_that_is_not_in_it", "numpy"))
    assert reason is not None
    assert "a_module_that_is_not_in_it" in reason


def test_dead_latents_are_spread_evenly():
    assert list(range(64))[SHAPE.dead_latents()][:3] == [0, 10, 20]
    alive = TrainShape(16, 64, 4, 32, dead=0)
    assert list(range(64))[alive.dead_latents()] == []


@pytest.mark.parametrize(("peer", "make_step"), TRAINERS, ids=lambda it: getattr(it, "package", ""))
@pytest.mark.parametrize("dead", [0, 6])
def test_a_trainer_learns(peer, make_step, dead):
    if not peer.usable:
        pytest.skip(f"{peer.package}: {why_not(peer)}")
    torch.manual_seed(0)
    step = make_step(TrainShape(16, 64, 4, 32, dead))
    batch = torch.randn(32, 16)
    losses = [_loss(step(batch)) for _ in range(60)]
    assert losses[-1] < losses[0]


def _loss(out):
    """SAELens calls it `loss`, sparsify `fvu`."""
    return float((out.loss if hasattr(out, "loss") else out.fvu).detach())


def test_sentence_transformers_gives_the_readers_embeddings(reader, demo_texts):
    if not SENTENCE_TRANSFORMERS.usable:
        pytest.skip(f"sentence-transformers: {why_not(SENTENCE_TRANSFORMERS)}")
    theirs = np.asarray(sentence_transformer(reader.checkpoint)(demo_texts[:3]))
    (ours,) = [b.pooled for b in reader.read(reader.tokenize(demo_texts[:1]))]
    assert theirs[0] @ ours[0] / np.linalg.norm(ours[0]) > 0.999
