import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from glassdex.errors import ModelError
from glassdex.sae.bert import Bert
from glassdex.sae.huggingface import HuggingFaceEncoder
from glassdex.sae.reader import Reader

SHORT, LONG = "w1 w2 w3 w4 w5", " ".join(f"w{n % 60}" for n in range(150))


def roberta(transformers):
    return transformers.RobertaModel(
        transformers.RobertaConfig(
            vocab_size=64,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=50,
            pad_token_id=1,
        ),
        add_pooling_layer=False,
    )


def distilbert(transformers):
    return transformers.DistilBertModel(
        transformers.DistilBertConfig(
            vocab_size=64, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=48
        )
    )


def gpt2(transformers):
    return transformers.GPT2Model(
        transformers.GPT2Config(
            vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=48, eos_token_id=3
        )
    )


def t5(transformers):
    return transformers.T5Model(
        transformers.T5Config(vocab_size=64, d_model=32, d_kv=8, num_layers=2, num_heads=4, d_ff=64)
    )


@pytest.fixture(scope="module")
def save_model(write_bert):
    """Writes a random model of an architecture with the tiny tokenizer; gives the model."""
    import transformers

    def save(folder, architecture, **options):
        write_bert(folder)
        (folder / "model.safetensors").unlink()
        torch.manual_seed(0)
        model = architecture(transformers).eval()
        model.save_pretrained(folder, **options)
        return model

    return save


def read(reader, texts):
    """[text] to (windows, pooled of each, hidden states of all its tokens)."""
    found = [[] for _ in texts]
    for batch in reader.read(reader.tokenize(texts)):
        for position, window in enumerate(batch.windows):
            hidden = batch.hidden[batch.window == position]
            found[window.text].append((window, batch.pooled[position], hidden))
    for of_text in found:
        of_text.sort(key=lambda read: read[0].span.start)
    columns = [tuple(zip(*of_text, strict=True)) for of_text in found]
    return [(w, p, np.concatenate(h)) for w, p, h in columns]


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("architecture", [roberta, distilbert, gpt2, t5])
def test_a_reader_of_any_architecture_sees_what_the_model_computes(
    tmp_path, save_model, architecture
):
    model = save_model(tmp_path, architecture)
    stack = model.get_encoder() if architecture is t5 else model
    reader = Reader.load(str(tmp_path), layer=1)
    assert (reader.width, reader._encoder.n_layers) == (32, 2)
    for windows, pooled, hidden in read(reader, [SHORT, LONG]):
        for window, vector in zip(windows, pooled, strict=True):
            with torch.inference_mode():
                output = stack(input_ids=torch.tensor([window.ids]), output_hidden_states=True)
            close(vector, output.last_hidden_state[0].mean(0))
            span = window.span
            own = slice(1 + span.own_start - span.start, 1 + span.own_stop - span.start)
            close(hidden[span.own_start : span.own_stop], output.hidden_states[1][0, own])


def test_neighbours_do_not_change_a_text(tmp_path, save_model):
    save_model(tmp_path, roberta)
    reader = Reader.load(str(tmp_path), layer=1)
    full = " ".join(f"w{n}" for n in range(14))  # 16 tokens: a batch of these has no padding
    ((_, alone, hidden_alone),) = read(reader, [full])
    for texts in ([full] * 32, [full, SHORT, LONG], [SHORT, LONG, full]):
        _, together, hidden_together = read(reader, texts)[texts.index(full)]
        assert np.array_equal(alone, together)
        assert np.array_equal(hidden_alone, hidden_together)


def test_both_ways_of_reading_a_bert_agree(tmp_path, write_bert):
    folder = write_bert(tmp_path)
    lean = Bert.load(folder, json.loads((folder / "config.json").read_text()))
    full = HuggingFaceEncoder(folder, 48)
    assert (full.width, full.n_layers) == (lean.width, lean.n_layers)
    sequences = [list(range(9)), list(range(9, 18)), [20, 21, 22, 23], [30]]
    for fixed in (True, False):
        states = full.hidden_states(sequences, {0, 1, 2}, fixed=fixed)
        for layer, state in lean.hidden_states(sequences, {0, 1, 2}, fixed=fixed).items():
            assert state.shape == (23, 32)
            close(state, states[layer])


def test_cls_pooling_is_the_state_of_the_first_token(tmp_path, write_bert):
    folder = write_bert(tmp_path, {"pooling_mode_cls_token": True})
    lean = Reader.load(str(folder), layer=1)
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    names = load_file(folder / "model-00001-of-00001.safetensors")
    index = {"metadata": {}, "weight_map": dict.fromkeys(names, "model-00001-of-00001.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    full = Reader.load(str(folder), layer=1)
    assert isinstance(lean._encoder, Bert)
    assert isinstance(full._encoder, HuggingFaceEncoder)
    first = lean._encoder.hidden_states([[2, *range(5, 10), 3]], {2})[2][0]
    for reader in (lean, full):
        ((_, pooled, _),) = read(reader, [SHORT])
        close(pooled[0], first)


def test_sharded_weights_are_read_and_a_missing_shard_is_an_error(tmp_path, save_model):
    model = save_model(tmp_path, distilbert, max_shard_size="20KB")
    shards = sorted(tmp_path.glob("model-*.safetensors"))
    assert len(shards) > 1
    ids = torch.tensor([[2, 5, 6, 3]])
    state = HuggingFaceEncoder(tmp_path, 48).hidden_states(ids.tolist(), {2})[2]
    with torch.inference_mode():
        close(state, model(input_ids=ids).last_hidden_state[0])
    shards[-1].unlink()
    with pytest.raises(ModelError, match="cannot load the reader"):
        HuggingFaceEncoder(tmp_path, 48)


def test_a_missing_tensor_is_not_made_up(tmp_path, save_model):
    save_model(tmp_path, distilbert)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["transformer.layer.1.ffn.lin1.weight"]
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"lack 1 tensors, e\.g\. 'transformer\.layer\.1\.ffn"):
        HuggingFaceEncoder(tmp_path, 48)


def test_the_weights_of_another_model_are_an_error(tmp_path, save_model):
    save_model(tmp_path, distilbert)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"dim": 16}))
    with pytest.raises(ModelError, match="cannot load the reader"):
        HuggingFaceEncoder(tmp_path, 48)


@pytest.mark.parametrize("damage", ["truncated", "pickled", "unknown"])
def test_what_cannot_be_loaded_is_one_clear_error(tmp_path, save_model, damage):
    save_model(tmp_path, distilbert)
    weights = tmp_path / "model.safetensors"
    if damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:-50])
    elif damage == "pickled":
        weights.rename(tmp_path / "pytorch_model.bin")
    else:
        (tmp_path / "config.json").write_text('{"model_type": "no-such-kind"}')
    with pytest.raises(ModelError, match="cannot load the reader"):
        HuggingFaceEncoder(tmp_path, 48)
