import json
from dataclasses import replace

import numpy as np
import pytest

from glassdex.errors import SAEError
from glassdex.sae.build import QUALITY, BuildListener, BuildPlan, build_sae
from glassdex.sae.bundle import load_bundle
from glassdex.sae.catalogue import FILE
from glassdex.sae.config import SAEConfig
from glassdex.sae.folder import WEIGHTS
from glassdex.sae.reader import Reader
from glassdex.sae.training_config import TrainConfig

PLAN = BuildPlan(
    sae=SAEConfig(32, 64, "batchtopk", 4),
    training=TrainConfig(batch_size=256, max_steps=60, aux_k=8, dead_after=5000),
    tokens=None,
    held_out=100_000,
    described=100,
    date="2026-01-02",
)


class Listener:
    """Counts what it is told."""

    def __init__(self):
        self.read, self.steps, self.described = [], [], []
        self.as_listener = BuildListener(self.read.append, self.steps.append, self.described.append)


@pytest.fixture(scope="module")
def reader(tmp_path_factory, write_bert):
    return Reader.load(str(write_bert(tmp_path_factory.mktemp("reader"))), layer=1)


@pytest.fixture(scope="module")
def texts():
    generator = np.random.default_rng(0)
    words = generator.zipf(1.3, (1100, 20)) % 60
    return lambda: (" ".join(f"w{n}" for n in row) for row in words)


@pytest.fixture(scope="module")
def built(tmp_path_factory, reader, texts):
    """Folder of a finished build, its report and what its listener heard."""
    folder, heard = tmp_path_factory.mktemp("built"), Listener()
    report = build(reader, texts, folder, heard)
    return folder, report, heard


def build(reader, texts, folder, heard=None, plan=PLAN):
    listener = (heard or Listener()).as_listener
    return build_sae(
        reader, texts, plan, out=folder / "sae", work=folder / "states", listener=listener
    )


def content(folder, *names):
    return [(folder / "sae" / name).read_bytes() for name in names]


def test_texts_become_an_sae_with_a_catalogue(built, reader):
    folder, report, heard = built
    bundle = load_bundle(str(folder / "sae"))
    assert bundle.encoder.reader.describe() == reader.describe()
    assert len(bundle.catalogue) == 64
    assert (bundle.catalogue.density > 0).sum() == sum(map(bool, bundle.catalogue.labels)) > 10
    assert heard.read[-1] == 22_000
    assert [progress.step for progress in heard.steps] == list(range(1, 61))
    assert sum(heard.described) == 100
    assert 0 < report.nmse < 1
    assert json.loads((folder / "sae" / QUALITY).read_text())["nmse"] == report.nmse


def test_at_most_a_tenth_is_held_out_in_whole_shards(built):
    _, report, _ = built
    assert 2_200 <= report.tokens < 2_200 + 5_120


def test_the_same_texts_give_the_same_sae(tmp_path, reader, texts, built):
    build(reader, texts, tmp_path)
    names = (WEIGHTS, FILE, QUALITY)
    assert content(tmp_path, *names) == content(built[0], *names)


def test_a_second_call_does_nothing_again(built, reader, texts):
    folder, report, _ = built
    before = content(folder, WEIGHTS, FILE, QUALITY)
    heard = Listener()
    assert build(reader, texts, folder, heard) == report
    assert content(folder, WEIGHTS, FILE, QUALITY) == before
    assert (heard.read, heard.steps, heard.described) == ([], [], [])


def test_a_run_killed_while_it_described_does_not_train_again(built, reader, texts):
    folder, report, _ = built
    before = content(folder, FILE, QUALITY)
    for name in (FILE, QUALITY):
        (folder / "sae" / name).unlink()
    heard = Listener()
    assert build(reader, texts, folder, heard) == report
    assert content(folder, FILE, QUALITY) == before
    assert heard.steps == []
    assert sum(heard.described) == 100


@pytest.mark.parametrize(
    "plan",
    [
        replace(PLAN, sae=replace(PLAN.sae, k=5)),
        replace(PLAN, training=replace(PLAN.training, seed=1)),
    ],
)
def test_another_sae_is_not_written_over(built, reader, texts, plan):
    with pytest.raises(SAEError, match="already holds an SAE: choose another folder"):
        build(reader, texts, built[0], plan=plan)


def test_too_little_text_is_said_before_training(tmp_path, reader):
    with pytest.raises(SAEError, match=r"20 hidden states are too few .* 8,192: read more text"):
        build(reader, lambda: ["w1 w2"] * 10, tmp_path)
