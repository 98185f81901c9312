"""What many tests share: the real reader, a small SAE on its states, a bundle, an empty home."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest

DEMO = Path(__file__).parent.parent / "api" / "demo" / "corpus.jsonl"


def pytest_configure(config):
    """What libraries read from the environment when they are imported.

    The hub's client gets an empty cache and no network; torch one thread, because small products
    on several wait for each other where the machine is busy.
    """
    cache = tempfile.mkdtemp(prefix="glassdex-hub-")
    os.environ.update(HF_HUB_OFFLINE="1", HF_HOME=cache)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["GLASSDEX_PRECISION"] = "float32"  # the same numbers on every processor
    config.add_cleanup(lambda: shutil.rmtree(cache, ignore_errors=True))


@pytest.fixture(scope="session")
def demo_texts():
    """The 400 short texts that ship with glassdex."""
    with DEMO.open(encoding="utf-8") as lines:
        return tuple(json.loads(line)["text"] for line in lines)


@pytest.fixture(scope="session")
def tiny_bench():
    """The sizes of a bench of a few seconds."""
    from glassdex.evals.bench import BenchSize

    return BenchSize(
        rounds=1,
        encoded=6,
        indexed=8,
        stored=30,
        asked=1,
        varied=6,
        dictionaries=((64, 32), (128, 32)),
    )


@pytest.fixture(scope="session")
def reader():
    """The default reader at layer 4."""
    from glassdex.sae.reader import Reader

    return Reader.load(layer=4)


@pytest.fixture(scope="session")
def write_bert():
    """Writes the checkpoint of a random BERT of two layers, 32 dimensions and 48 positions.

    Its words are `w0` to `w59`; `pooling` goes into a sentence-transformers layout, further
    keywords into config.json.
    """
    return _write_bert


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
    """The small SAE on disk, with statistics and labels from 24 texts; do not write to it."""
    from glassdex.sae.catalogue import write_catalogue
    from glassdex.sae.describe import describe
    from glassdex.sae.folder import save

    folder = tmp_path_factory.mktemp("tiny-sae")
    save(folder, encoder.sae, "float32")
    write_catalogue(folder, describe(encoder, demo_texts[:24], date="2026-01-02"))
    return folder


@pytest.fixture(scope="session")
def bundle(sae_folder, encoder):
    """What `load_bundle(sae_folder)` gives, without loading the reader again."""
    from glassdex.sae.bundle import Bundle
    from glassdex.sae.catalogue import read_catalogue

    catalogue = read_catalogue(sae_folder, encoder.sae.config.d_sae)
    return Bundle(str(sae_folder), encoder, catalogue)


WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{n}" for n in range(60)))


def _write_bert(folder, pooling=None, **config):
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    sizes = {"vocab_size": len(WORDS), "hidden_size": 32, "intermediate_size": 64}
    counts = {"num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 48}
    kind = {"model_type": "bert", "architectures": ["BertModel"], "hidden_act": "gelu"}
    (folder / "config.json").write_text(json.dumps(kind | sizes | counts | config))
    save_file(_bert_tensors(), folder / "model.safetensors", {"format": "pt"})
    _write_tokenizer(folder)
    if pooling is not None:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return folder


def _bert_tensors():
    import numpy as np

    generator = np.random.default_rng(0)

    def linear(name, rows, columns):
        weight = generator.normal(0, 0.2, (rows, columns)).astype("f4")
        return {f"{name}.weight": weight, f"{name}.bias": weight[:, 0].copy()}

    def norm(name):
        scale = generator.uniform(0.5, 1.5, (2, 32)).astype("f4")
        return {f"{name}.weight": scale[0], f"{name}.bias": scale[1] - 1}

    tensors = norm("embeddings.LayerNorm")
    for name, rows in (("word", len(WORDS)), ("position", 48), ("token_type", 2)):
        tensors[f"embeddings.{name}_embeddings.weight"] = linear("", rows, 32)[".weight"]
    for layer in ("encoder.layer.0", "encoder.layer.1"):
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            tensors |= linear(f"{layer}.attention.{part}", 32, 32)
        tensors |= norm(f"{layer}.attention.output.LayerNorm") | norm(f"{layer}.output.LayerNorm")
        tensors |= linear(f"{layer}.intermediate.dense", 64, 32)
        tensors |= linear(f"{layer}.output.dense", 32, 64)
    return tensors


def _write_tokenizer(folder):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    numbers = {word: n for n, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    around = [("[CLS]", numbers["[CLS]"]), ("[SEP]", numbers["[SEP]"])]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, around)
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home for indexes, and nothing else set in the environment."""
    ours = ("GLASSDEX_", "QDRANT_", "OPENAI_")
    for name in [n for n in os.environ if n.startswith(ours) and n != "GLASSDEX_PRECISION"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GLASSDEX_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)  # settings are read from a `.env` file here as well
    return tmp_path / "home"
