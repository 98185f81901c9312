import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from glassdex.errors import ModelError
from glassdex.sae.bert import Bert
from glassdex.sae.checkpoint import find_checkpoint

LENGTHS = (40, 40, 17, 2)


@pytest.fixture(scope="module")
def checkpoint():
    return find_checkpoint()


@pytest.fixture(scope="module")
def bert(checkpoint):
    return Bert.load(checkpoint.folder, checkpoint.config)


@pytest.fixture(scope="module")
def expected(checkpoint):
    """(ids, mask, hidden states of all layers) as `transformers` computes them."""
    from transformers import BertModel

    model = BertModel.from_pretrained(checkpoint.folder, dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(0)
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    ids = torch.randint(1000, 30_000, mask.shape, generator=generator) * mask
    with torch.inference_mode():
        output = model(input_ids=ids, attention_mask=mask.long(), output_hidden_states=True)
    return ids, mask, output.hidden_states


def as_arrays(states):
    return {layer: state.numpy() for layer, state in states.items()}


def test_every_layer_is_that_of_transformers(bert, expected):
    ids, mask, states = expected
    sequences = [row[there].tolist() for row, there in zip(ids, mask, strict=True)]
    found = bert.hidden_states(sequences, range(7))
    assert sorted(found) == list(range(7))
    assert len(states) == bert.n_layers + 1 == 7
    for layer, state in enumerate(states):
        assert state.shape[-1] == bert.width == 384
        np.testing.assert_allclose(found[layer], state[mask], atol=1e-5, rtol=0)


def test_one_text_alone_in_a_pass_of_its_own_length(bert, expected):
    ids, _, states = expected
    for row, length in enumerate(LENGTHS):
        found = bert.hidden_states([ids[row, :length].tolist()], {4, 6}, fixed=False)
        for layer in (4, 6):
            np.testing.assert_allclose(found[layer], states[layer][row, :length], atol=1e-5, rtol=0)


def test_only_the_layers_asked_for_come_back(bert):
    assert list(bert.hidden_states([[101, 7592, 102]], {2})) == [2]


def test_old_and_task_checkpoints_name_the_same_tensors_otherwise(tmp_path, write_bert):
    folder = write_bert(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    ids = [[2, 4, 5, 3]]
    plain = as_arrays(Bert.load(folder, config).hidden_states(ids, {1, 2}))
    tensors = load_file(folder / "model.safetensors")
    renamed = {
        f"bert.{name}".replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): value
        for name, value in tensors.items()
    }
    save_file(renamed, folder / "model.safetensors")
    old = as_arrays(Bert.load(folder, config).hidden_states(ids, {1, 2}))
    assert all(np.array_equal(plain[layer], old[layer]) for layer in (1, 2))


def test_a_missing_tensor_is_named(tmp_path, write_bert):
    folder = write_bert(tmp_path)
    with pytest.raises(ModelError, match=r"no tensor 'encoder\.layer\.2\.attention\.self\.query"):
        Bert.load(folder, {"num_hidden_layers": 3, "num_attention_heads": 4})


def test_a_truncated_file_is_refused(tmp_path, write_bert):
    path = write_bert(tmp_path) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"cannot read the reader's weights .*model\.safetensors"):
        Bert.load(tmp_path, {"num_hidden_layers": 2, "num_attention_heads": 4})


def test_no_file_is_refused(tmp_path):
    with pytest.raises(ModelError, match="cannot read the reader's weights"):
        Bert.load(tmp_path, {})
