"""A bench small enough for a test."""

from pathlib import Path

import pytest

import glassdex
from glassdex.evals.bench import BenchSetup
from glassdex.evals.bench_corpus import BenchCorpus
from glassdex.indexer.sources import SourceOptions
from glassdex.settings import Settings


@pytest.fixture
def bench_setup(tmp_path, tiny_bench) -> BenchSetup:
    """The demo texts, and an SAE that ships; what is said is forgotten."""
    path = Path(glassdex.__file__).parents[1] / "api" / "demo" / "corpus.jsonl"
    corpus = BenchCorpus(path, SourceOptions(("text",), "id", "demo"), repeated=True)
    home = Settings(home=tmp_path, url=None)
    return BenchSetup(corpus, tiny_bench, home, "bundled", lambda _: None)
