import pytest
import torch

from glassdex.sae.autoencoder import Weights, weight_shapes
from glassdex.sae.config import SAEConfig
from glassdex.sae.training_config import TrainConfig
from glassdex.sae.training_state import (
    learned_tensors,
    load_checkpoint,
    new_state,
    run_identity,
    save_checkpoint,
)
from glassdex.sae.training_step import train_step

TRAIN = TrainConfig(batch_size=20, aux_k=2, dead_after=30)


def trained(config, steps=3):
    generator = torch.Generator().manual_seed(0)
    shapes = weight_shapes(config)
    tensors = {n: torch.randn(*shape, generator=generator).abs() for n, shape in shapes.items()}
    lower = {name.lower(): tensor for name, tensor in tensors.items()}
    state = new_state(config, TRAIN, Weights(**{"threshold": torch.zeros(0), **lower}))
    for _ in range(steps):
        train_step(state, torch.randn(20, config.d_in, generator=generator), TRAIN, total=9)
    return state


@pytest.mark.parametrize("activation", ["topk", "batchtopk", "relu", "jumprelu"])
def test_everything_in_a_state_comes_back(tmp_path, activation):
    k = 2 if "topk" in activation else None
    asked = SAEConfig(4, 9, activation, k)
    identity = run_identity(asked, TRAIN, rows=100, reader={"layers": (1,)})
    state = trained(SAEConfig(4, 9, activation, k, scale=0.3))
    save_checkpoint(tmp_path, state, identity)
    found = load_checkpoint(tmp_path, asked, TRAIN, identity)
    for name in ("config", "step", "nmse", "l0"):
        assert getattr(found, name) == getattr(state, name)
    assert torch.equal(found.silent, state.silent)
    assert found.silent.any()
    for name, tensor in state.weights.named().items():
        assert torch.equal(found.weights.named()[name], tensor)
    for name, tensor in learned_tensors(state.config, state.weights).items():
        other = learned_tensors(found.config, found.weights)[name]
        for key, value in state.optimizer.state[tensor].items():
            assert torch.equal(found.optimizer.state[other][key], value), (name, key)


def test_there_is_no_checkpoint_at_first(tmp_path):
    assert load_checkpoint(tmp_path, SAEConfig(4, 9, "topk", 2), TRAIN, {}) is None


def test_saving_again_replaces_the_checkpoint(tmp_path):
    config = SAEConfig(4, 9, "topk", 2)
    for steps in (1, 2):
        save_checkpoint(tmp_path, trained(config, steps), {})
    assert load_checkpoint(tmp_path, config, TRAIN, {}).step == 2
    assert len(list((tmp_path / ".training").iterdir())) == 1
