import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from glassdex.errors import SAEError
from glassdex.sae import folder as sae_folder
from glassdex.sae.autoencoder import SparseAutoencoder, Weights
from glassdex.sae.catalogue import FILE
from glassdex.sae.config import SAEConfig
from glassdex.sae.folder import CONFIG, WEIGHTS, load, save


def small_sae(seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = {"w_enc": (6, 3), "b_enc": (6,), "w_dec": (6, 3), "b_dec": (3,)}
    tensors = {name: torch.randn(*shape, generator=generator) for name, shape in shapes.items()}
    config = SAEConfig(
        3, 6, "batchtopk", 2, (3, 6), 0.7, {"model": "m", "layers": [4]}, {"steps": 1}
    )
    return SparseAutoencoder(config, Weights(**tensors, threshold=torch.tensor([0.25])))


@pytest.fixture
def saved(tmp_path):
    save(tmp_path / "sae", small_sae(), "float32")
    return tmp_path / "sae"


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_load_gives_back_what_save_says(tmp_path, dtype):
    sae = small_sae()
    rounded = save(tmp_path, sae, dtype)
    loaded = load(tmp_path)
    assert loaded.config == sae.config
    assert loaded.weights_sha256 == rounded.weights_sha256
    for name, tensor in loaded.weights.named().items():
        stored = sae.weights.named()[name].numpy().astype(dtype).astype(np.float32)
        assert np.array_equal(tensor.numpy(), stored)
    assert {t.dtype.name for t in load_file(tmp_path / WEIGHTS).values()} == {dtype}
    assert sorted(p.name for p in tmp_path.iterdir()) == [CONFIG, WEIGHTS]


@pytest.mark.parametrize("activation", ["topk", "relu", "jumprelu"])
def test_every_activation_has_its_thresholds_or_none(tmp_path, activation):
    config = SAEConfig(3, 6, activation, 2 if activation == "topk" else None)
    thresholds = torch.rand(6 if activation == "jumprelu" else 0)
    sae = SparseAutoencoder(config, replace(small_sae().weights, threshold=thresholds))
    save(tmp_path, sae, "float32")
    assert torch.equal(load(tmp_path).weights.threshold, thresholds)


def test_saving_again_replaces_the_sae_and_keeps_the_other_files(saved):
    (saved / FILE).write_bytes(b"labels")
    other = save(saved, small_sae(seed=1), "float32")
    assert load(saved).weights_sha256 == other.weights_sha256
    assert (saved / FILE).read_bytes() == b"labels"


def test_a_writer_killed_between_its_two_files_leaves_no_sae(saved, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sae_folder, "write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        save(saved, small_sae(seed=1))
    with pytest.raises(SAEError, match=r"config\.json is missing"):
        load(saved)


def test_weights_beyond_float16_are_refused(tmp_path):
    sae = small_sae()
    sae.weights.b_enc[0] = 1e6
    with pytest.raises(SAEError, match="'b_enc' holds values that are not finite in float16"):
        save(tmp_path, sae, "float16")
    assert not list(tmp_path.iterdir())


def edit_config(**change):
    def edit(folder):
        path = folder / CONFIG
        fields = json.loads(path.read_text()) | change
        path.write_text(json.dumps({n: v for n, v in fields.items() if v != "remove"}))

    return edit


def edit_weights(**change):
    def edit(folder):
        tensors = load_file(folder / WEIGHTS) | change
        save_file({n: t for n, t in tensors.items() if t is not None}, folder / WEIGHTS)

    return edit


def truncate(folder):
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:-20])


def flip_one_bit(folder):
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-3] ^= 1
    (folder / WEIGHTS).write_bytes(content)


MALFORMED = {
    "no folder": (lambda f: f.rename(f.with_name("away")), r"config\.json is missing"),
    "no config": (lambda f: (f / CONFIG).unlink(), r"config\.json is missing"),
    "config not JSON": (lambda f: (f / CONFIG).write_text("{"), "not readable JSON"),
    "config not UTF-8": (lambda f: (f / CONFIG).write_bytes(b"\xff"), "not readable JSON"),
    "config a list": (lambda f: (f / CONFIG).write_text("[]"), "holds a list; wanted one JSON"),
    "newer format": (edit_config(format=2), "format 2; this version reads format 1: update"),
    "no format": (edit_config(format="remove"), "format None"),
    "field missing": (edit_config(d_sae="remove"), "'d_sae'"),
    "field unknown": (edit_config(colour="red"), "'colour'"),
    "field out of range": (edit_config(k=7), "k is 7; wanted at most d_sae"),
    "field of another type": (edit_config(scale="one"), "config.json: "),
    "prefixes no list": (edit_config(matryoshka=3), "config.json: "),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), r"sae\.safetensors is missing"),
    "weights truncated": (truncate, "not a whole safetensors file"),
    "weights empty": (lambda f: (f / WEIGHTS).write_bytes(b""), "not a whole safetensors file"),
    "weights a pickle": (lambda f: (f / WEIGHTS).write_bytes(b"\x80\x04N."), "not a whole"),
    "tensor missing": (edit_weights(W_dec=None), "'W_dec' is missing; the file holds W_enc, b_dec"),
    "tensor of another shape": (
        edit_weights(W_enc=np.zeros((3, 6), np.float32)),
        r"'W_enc' has shape \(3, 6\); wanted \(6, 3\)",
    ),
    "tensor of another dtype": (
        edit_weights(b_dec=np.zeros(3, np.float64)),
        "'b_dec' has dtype F64; wanted F16 or F32",
    ),
    "NaN": (edit_weights(b_enc=np.full(6, np.nan, np.float32)), "'b_enc' holds 6 NaN or infinite"),
    "infinity": (edit_weights(threshold=np.full(1, np.inf, np.float32)), "'threshold' holds 1 NaN"),
    "negative threshold": (
        edit_weights(threshold=np.full(1, -1, np.float32)),
        "sae.safetensors: tensor 'threshold' holds -1.0",
    ),
    "one bit flipped": (flip_one_bit, "was changed or damaged"),
    "other weights": (edit_weights(b_dec=np.zeros(3, np.float32)), "was changed or damaged"),
    "other scale": (edit_config(scale=0.8), "was changed or damaged"),
    "no hash": (edit_config(weights_sha256="remove"), "wants None"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_folder_is_refused_by_name(saved, case):
    damage, told = MALFORMED[case]
    damage(saved)
    with pytest.raises(SAEError, match=told) as refusal:
        load(saved)
    assert str(saved) in str(refusal.value)
