"""A small index of real text: the demo corpus, the real reader, a small SAE with fixed weights."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from glassdex.indexer.document import Document
from glassdex.indexer.index import DENSE, HALF, LATENTS, WORDS, Index
from glassdex.indexer.latents import MEANING, fill_latents
from glassdex.indexer.pruning import Pruning
from glassdex.indexer.run import index_documents
from glassdex.sae.autoencoder import SparseAutoencoder, Weights
from glassdex.sae.bundle import Bundle
from glassdex.sae.catalogue import Catalogue, Label
from glassdex.sae.config import SAEConfig
from glassdex.sae.encoder import TextEncoder
from glassdex.sae.reader import Reader
from glassdex.search.searcher import Searcher
from glassdex.store.edge import EdgeStore
from glassdex.store.memory import MemoryStore
from glassdex.store.types import StoreSchema
from glassdex.words import WordEncoder

D_SAE = 192
CORPUS = Path(__file__).parents[2] / "api" / "demo" / "corpus.jsonl"


@pytest.fixture(scope="session")
def reader():
    return Reader.load(layer=4)


@pytest.fixture(scope="session")
def documents():
    rows = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()[:150]]
    return [
        Document(row["id"], "demo", "text", row["text"], {"kind": row["kind"], "n": n})
        for n, row in enumerate(rows)
    ]


@pytest.fixture(scope="session")
def bundle(reader, documents):
    """Random directions through the mean hidden state: about one latent in ten is active."""
    tokens = reader.tokenize([d.text for d in documents[:40]])
    hidden = torch.from_numpy(np.concatenate([b.hidden for b in reader.read(tokens)]))
    generator = torch.Generator().manual_seed(7)
    decoder = torch.randn(D_SAE, reader.width, generator=generator)
    decoder /= decoder.norm(dim=1, keepdim=True)
    mean = hidden.mean(0)
    threshold = torch.quantile((hidden - mean) @ decoder.T, 0.97, dim=0).clamp(min=0.01)
    config = SAEConfig(d_in=reader.width, d_sae=D_SAE, activation="jumprelu", k=None)
    weights = Weights(decoder.clone(), torch.zeros(D_SAE), decoder, mean, threshold)
    encoder = TextEncoder(reader, SparseAutoencoder(config, weights))
    return Bundle("test", encoder, _catalogue(encoder, documents))


def _catalogue(encoder, documents):
    latents = encoder.encode([d.text for d in documents]).latents.toarray()
    active = latents > 0
    labels = [(Label(f"label {n}", "test", 0.5, "2026-01-01"),) for n in range(D_SAE)]
    vectors = encoder.encode([d.text for d in documents[:D_SAE]]).dense
    vectors = np.concatenate([vectors, vectors])[:D_SAE]
    p90 = [np.quantile(c[c > 0], 0.9) if (c > 0).any() else 0.0 for c in latents.T]
    return Catalogue(
        density=active.mean(0).astype(np.float32),
        maximum=latents.max(0),
        p90=np.array(p90, np.float32),
        labels=labels,
        vectors=vectors,
    )


@pytest.fixture(scope="session")
def make_index(bundle, tmp_path_factory):
    """Index by engine name: "memory" or "edge"; both stores of it are of that engine."""

    def make(engine, name="test"):
        width = bundle.encoder.reader.width
        folder = tmp_path_factory.mktemp(engine)
        schemas = {
            "documents": StoreSchema({DENSE: width}, {LATENTS: False, WORDS: True}, HALF),
            "latents": StoreSchema(dense={MEANING: width}),
        }
        stores = {
            part: MemoryStore(schema)
            if engine == "memory"
            else EdgeStore.create(folder / part, schema)
            for part, schema in schemas.items()
        }
        fill_latents(stores["latents"], bundle.catalogue)
        return Index(
            name, stores["documents"], stores["latents"], bundle, WordEncoder(), Pruning(None)
        )

    return make


@pytest.fixture(scope="session", params=["memory", "edge"])
def index(request, make_index, documents):
    made = make_index(request.param)
    index_documents(made, documents)
    yield made
    made.close()


@pytest.fixture(scope="session")
def searcher(index):
    return Searcher(index)


@pytest.fixture
def ask():
    """A request with defaults changed."""
    from glassdex.search.request import SearchRequest

    return lambda text="", **changes: replace(SearchRequest("x"), text=text, **changes)


@pytest.fixture
def stored(bundle):
    """What an index keeps of documents: their vectors in half precision."""

    def half(values):
        return values.astype(np.float16).astype(np.float32)

    def encode(documents):
        encoded = bundle.encoder.encode([document.text for document in documents])
        latents = encoded.latents.copy()
        latents.data = half(latents.data)
        return replace(encoded, dense=half(encoded.dense), latents=latents)

    return encode
