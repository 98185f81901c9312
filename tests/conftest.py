"""What many tests share: the real reader, a small SAE on its states, a bundle, an empty home."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

DEMO = Path(__file__).parent.parent / "api" / "demo" / "corpus.jsonl"


def pytest_configure(config):
    """Give the hub's client, which reads this once, an empty cache and no network."""
    cache = tempfile.mkdtemp(prefix="glassdex-hub-")
    os.environ.update(HF_HUB_OFFLINE="1", HF_HOME=cache)
    config.add_cleanup(lambda: shutil.rmtree(cache, ignore_errors=True))


@pytest.fixture(scope="session")
def demo_texts():
    """The 400 short texts that ship with glassdex."""
    with DEMO.open(encoding="utf-8") as lines:
        return tuple(json.loads(line)["text"] for line in lines)


@pytest.fixture(scope="session")
def reader():
    """The default reader at layer 4."""
    from glassdex.sae.reader import Reader

    return Reader.load(layer=4)


@pytest.fixture(scope="session")
def tiny_sae(reader):
    """64 latents of fixed random weights, about four of them active in a token."""
    import torch

    from glassdex.sae.autoencoder import SparseAutoencoder, Weights
    from glassdex.sae.config import SAEConfig

    d_in, d_sae = reader.width, 64
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(d_sae, d_in, generator=generator)
    rows /= rows.norm(dim=1, keepdim=True)
    config = SAEConfig(d_in, d_sae, "batchtopk", 4, scale=1.5, reader=reader.describe())
    weights = Weights(rows, torch.zeros(d_sae), rows, torch.zeros(d_in), torch.tensor([1.5]))
    return SparseAutoencoder(config, weights)


@pytest.fixture(scope="session")
def encoder(reader, tiny_sae):
    """Reader and SAE together."""
    from glassdex.sae.encoder import TextEncoder

    return TextEncoder(reader, tiny_sae)


@pytest.fixture(scope="session")
def sae_folder(tmp_path_factory, encoder, demo_texts):
    """The small SAE on disk, with statistics and labels from forty texts; do not write to it."""
    from glassdex.sae.catalogue import write_catalogue
    from glassdex.sae.describe import describe
    from glassdex.sae.folder import save

    folder = tmp_path_factory.mktemp("tiny-sae")
    save(folder, encoder.sae, "float32")
    write_catalogue(folder, describe(encoder, demo_texts[:40], date="2026-01-02"))
    return folder


@pytest.fixture(scope="session")
def bundle(sae_folder, encoder):
    """What `load_bundle(sae_folder)` gives, without loading the reader again."""
    from glassdex.sae.bundle import Bundle
    from glassdex.sae.catalogue import read_catalogue

    catalogue = read_catalogue(sae_folder, encoder.sae.config.d_sae)
    return Bundle(str(sae_folder), encoder, catalogue)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home for indexes, and nothing else set in the environment."""
    for name in [n for n in os.environ if n.startswith(("GLASSDEX_", "QDRANT_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GLASSDEX_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)  # settings are read from a `.env` file here as well
    return tmp_path / "home"
