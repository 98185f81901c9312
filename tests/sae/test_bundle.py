import json
import shutil

import numpy as np
import pytest
import torch

from glassdex.errors import ModelError, SAEError
from glassdex.sae.autoencoder import SparseAutoencoder, Weights
from glassdex.sae.bundle import BUNDLED, folder_of, load_bundle, load_encoder
from glassdex.sae.config import SAEConfig
from glassdex.sae.folder import CONFIG, save
from glassdex.sae.reader import Reader


@pytest.fixture
def tiny(tmp_path, write_bert):
    """An SAE folder for layer 2 of a tiny reader of width 32."""
    reader = Reader.load(str(write_bert(tmp_path / "reader")), layer=2)
    rows = torch.randn(16, 32, generator=torch.Generator().manual_seed(0))
    weights = Weights(rows, torch.zeros(16), rows, torch.zeros(32), torch.zeros(0))
    config = SAEConfig(32, 16, "topk", 2, reader=reader.describe())
    save(tmp_path / "sae", SparseAutoencoder(config, weights), "float32")
    return tmp_path / "sae"


def change_reader(folder, **changes):
    path = folder / CONFIG
    config = json.loads(path.read_text())
    described = {**config["reader"], **changes}
    config["reader"] = {name: value for name, value in described.items() if value is not None}
    path.write_text(json.dumps(config))


def test_a_bundle_is_found_by_its_folder(sae_folder, bundle, demo_texts, monkeypatch):
    monkeypatch.chdir(sae_folder.parent)
    loaded = load_bundle(sae_folder.name)
    assert loaded.name == bundle.name == str(sae_folder)
    assert loaded.encoder.describe() == bundle.encoder.describe()
    assert len(loaded.catalogue) == 64
    wanted = bundle.encoder.encode_query(demo_texts[0])
    found = loaded.encoder.encode_query(demo_texts[0])
    assert np.array_equal(found.dense, wanted.dense)
    assert (found.latents != wanted.latents).nnz == 0


def test_the_bundled_sae_lies_in_the_package():
    folder = folder_of(BUNDLED)
    assert (folder.parent / "bundle.py").exists()
    assert folder.name == "bundled"


def test_the_reader_is_the_one_that_the_config_names(tiny):
    encoder = load_encoder(tiny)
    assert (encoder.reader.layer, encoder.reader.width) == (2, 32)
    assert encoder.reader.describe() == encoder.sae.config.reader


def test_no_folder(tmp_path):
    with pytest.raises(SAEError, match=r"nowhere.*is missing"):
        load_bundle(str(tmp_path / "nowhere"))


def test_an_sae_without_a_catalogue_can_encode_but_is_no_bundle(tiny):
    assert load_encoder(tiny).encode(["w1 w2"]).latents.nnz > 0
    with pytest.raises(SAEError, match=r"has no latents\.parquet"):
        load_bundle(str(tiny))


@pytest.mark.parametrize("layer", [None, "4", 2.5])
def test_a_config_must_say_which_layer_it_reads(tiny, layer):
    change_reader(tiny, layer=layer)
    with pytest.raises(SAEError, match=rf"reads layer {layer!r}; wanted a number"):
        load_encoder(tiny)


def test_a_layer_that_the_reader_does_not_have(tiny):
    change_reader(tiny, layer=3)
    with pytest.raises(ModelError, match=r"layer 3 was asked of .*, which has layers 1 to 2"):
        load_encoder(tiny)


def test_a_reader_whose_weights_changed_is_refused(tiny):
    change_reader(tiny, reader_sha256="ab" * 32)
    with pytest.raises(ModelError, match=f"but {'ab' * 32} is wanted: bring back the checkpoint"):
        load_encoder(tiny)


def test_a_reader_of_another_width_is_refused(tiny):
    change_reader(tiny, reader="all-MiniLM-L6-v2", reader_revision=None, reader_sha256=None)
    with pytest.raises(SAEError, match="vectors of dimension 32, but all-MiniLM-L6-v2 has 384"):
        load_encoder(tiny)


def test_a_reader_that_is_gone_is_named(tiny):
    shutil.rmtree(tiny.parent / "reader")
    with pytest.raises(ModelError, match=r"no reader '.*reader': .* not a folder here"):
        load_encoder(tiny)
