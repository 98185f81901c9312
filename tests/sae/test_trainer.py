import json
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import islice

import numpy as np
import psutil
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from glassdex.errors import SAEError
from glassdex.sae.batches import ArraySource, ShardSource
from glassdex.sae.config import SAEConfig
from glassdex.sae.folder import CONFIG, WEIGHTS, load
from glassdex.sae.quality import quality
from glassdex.sae.shards import ShardWriter, open_shards
from glassdex.sae.trainer import initial_state, train
from glassdex.sae.training_config import TrainConfig
from glassdex.sae.training_state import CHECKPOINT
from glassdex.sae.training_step import train_step

D_IN, ATOMS, ACTIVE = 32, 48, 3


def dictionary():
    atoms = np.random.default_rng(0).normal(size=(ATOMS, D_IN))
    return (atoms / np.linalg.norm(atoms, axis=1, keepdims=True)).astype(np.float32)


def mixtures(rows, seed=1):
    """(rows, D_IN): each a positive combination of three atoms, moved and scaled."""
    generator = np.random.default_rng(seed)
    codes = np.zeros((rows, ATOMS), np.float32)
    places = generator.random((rows, ATOMS)).argsort(1)[:, :ACTIVE]
    np.put_along_axis(codes, places, generator.uniform(0.5, 1.5, (rows, ACTIVE)), axis=1)
    return (codes @ dictionary() + 0.3) * 7


def source(rows=40_000):
    return ArraySource(mixtures(rows), {"model": "synthetic"})


def recovered(folder):
    """Share of the true atoms with a decoder row of cosine above 0.9."""
    decoder = load(folder).weights.w_dec.numpy()
    return float(((dictionary() @ decoder.T).max(1) > 0.9).mean())


QUICK = TrainConfig(
    batch_size=256, epochs=5, max_steps=700, learning_rate=1e-2, dead_after=5_000, aux_k=6
)
SPARSE = {
    "topk": (SAEConfig(D_IN, 64, "topk", ACTIVE), QUICK),
    "batchtopk": (SAEConfig(D_IN, 64, "batchtopk", ACTIVE), QUICK),
    "relu": (SAEConfig(D_IN, 64, "relu", None), replace(QUICK, l1_coefficient=0.1)),
    "jumprelu": (
        SAEConfig(D_IN, 64, "jumprelu", None),
        replace(QUICK, l0_coefficient=0.01, bandwidth=0.05),
    ),
    "matryoshka": (SAEConfig(D_IN, 64, "batchtopk", ACTIVE, matryoshka=(48, 64)), QUICK),
}


@pytest.mark.parametrize("kind", SPARSE)
def test_a_known_dictionary_is_found(tmp_path, kind):
    sae, settings = SPARSE[kind]
    report = train(source(), sae, settings, out=tmp_path)
    held_out = quality(load(tmp_path), [mixtures(4000, seed=2)])
    assert recovered(tmp_path) > 0.9
    assert held_out.nmse < 0.06
    assert held_out.nmse == pytest.approx(report.nmse, rel=0.2)
    assert held_out.l0 < 4 * ACTIVE


def test_inputs_are_scaled_to_a_mean_squared_norm_of_their_width(tmp_path):
    train(source(4000), *SMALL, out=tmp_path)
    scale = load(tmp_path).config.scale
    scaled = mixtures(4000) * scale
    assert float((scaled**2).sum(1).mean()) == pytest.approx(D_IN, rel=0.02)


def test_the_pre_bias_starts_at_the_median_and_the_encoder_at_the_decoder():
    values = mixtures(500)
    settings = TrainConfig(batch_size=250, sample_rows=500, epochs=2)
    state = initial_state(ArraySource(values, {}), SMALL[0], settings)
    median = np.median(values, axis=0) * state.config.scale
    np.testing.assert_allclose(state.weights.b_dec.detach().numpy(), median, rtol=1e-5)
    assert torch.equal(state.weights.w_enc, state.weights.w_dec)
    torch.testing.assert_close(state.weights.w_dec.norm(dim=1), torch.ones(24))
    assert not state.weights.b_enc.any()


SMALL = (
    SAEConfig(D_IN, 24, "batchtopk", ACTIVE),
    TrainConfig(
        batch_size=100, epochs=2, dead_after=500, aux_k=6, checkpoint_steps=10, dtype="float32"
    ),
)


class StoppedError(Exception):
    pass


def stop_at(step):
    def progress(state):
        if state.step == step:
            raise StoppedError

    return progress


def files(folder):
    """Everything in an SAE folder, by name; two equal ones are the same SAE."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    with ShardWriter(folder, D_IN, reader={"model": "m"}, rows_per_shard=300) as out:
        for start in range(0, 2000, 100):
            out.append(mixtures(2000)[start : start + 100])
    return ShardSource(open_shards(folder), window_shards=2)


@pytest.fixture(scope="module")
def uninterrupted(shards, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    train(shards, *SMALL, out=out)
    return files(out)


@pytest.mark.parametrize("step", [1, 10, 17, 25, 39, 40])
def test_a_stopped_run_goes_on_to_the_same_weights(shards, uninterrupted, tmp_path, step):
    with pytest.raises(StoppedError):
        train(shards, *SMALL, out=tmp_path, progress=stop_at(step))
    report = train(shards, *SMALL, out=tmp_path)
    # A stop in the callback comes before that step's checkpoint.
    assert report.resumed_from == (step - 1) // 10 * 10
    assert report.steps == 40
    assert files(tmp_path) == uninterrupted


@pytest.mark.parametrize("activation", ["topk", "relu", "jumprelu"])
def test_every_activation_resumes_exactly(shards, tmp_path, activation):
    k = ACTIVE if activation == "topk" else None
    settings = (SAEConfig(D_IN, 24, activation, k, matryoshka=(8, 24)), SMALL[1])
    train(shards, *settings, out=tmp_path / "whole")
    with pytest.raises(StoppedError):
        train(shards, *settings, out=tmp_path / "stopped", progress=stop_at(25))
    train(shards, *settings, out=tmp_path / "stopped")
    assert files(tmp_path / "stopped") == files(tmp_path / "whole")


KILLED = """
import os, signal, sys
from pathlib import Path
from glassdex.sae.batches import ShardSource
from glassdex.sae.config import SAEConfig
from glassdex.sae.shards import open_shards
from glassdex.sae.trainer import train
from glassdex.sae.training_config import TrainConfig

def kill_at_23(state):
    if state.step == 23:
        os.kill(os.getpid(), signal.SIGKILL)

train(
    ShardSource(open_shards(Path(sys.argv[1])), window_shards=2),
    SAEConfig(32, 24, "batchtopk", 3),
    TrainConfig(
        batch_size=100, epochs=2, dead_after=500, aux_k=6, checkpoint_steps=10, dtype="float32"
    ),
    out=Path(sys.argv[2]),
    progress=kill_at_23,
)
"""


@pytest.mark.slow
def test_a_killed_process_goes_on_to_the_same_weights(shards, uninterrupted, tmp_path):
    command = [sys.executable, "-c", KILLED, str(shards.folder.folder), str(tmp_path)]
    killed = subprocess.run(command, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert (tmp_path / CHECKPOINT).exists()
    with pytest.raises(SAEError, match="is missing"):
        load(tmp_path)
    report = train(shards, *SMALL, out=tmp_path)
    assert report.resumed_from == 20
    assert files(tmp_path) == uninterrupted


@pytest.fixture
def stopped(shards, tmp_path):
    with pytest.raises(StoppedError):
        train(shards, *SMALL, out=tmp_path, progress=stop_at(15))
    return tmp_path


def test_a_checkpoint_of_other_settings_is_refused(shards, stopped):
    sae, settings = SMALL
    for change in ({"learning_rate": 1e-3}, {"epochs": 3}, {"seed": 1}):
        with pytest.raises(SAEError, match=f"was made with {next(iter(change))} = "):
            train(shards, sae, replace(settings, **change), out=stopped)
    with pytest.raises(SAEError, match="was made with k = 3; wanted 2"):
        train(shards, replace(sae, k=2), settings, out=stopped)
    with pytest.raises(SAEError, match="was made with activations_reader"):
        train(ArraySource(mixtures(2000), {}), sae, settings, out=stopped)


def test_how_often_it_is_saved_may_change(shards, stopped, uninterrupted):
    train(shards, SMALL[0], replace(SMALL[1], checkpoint_steps=7), out=stopped)
    assert load_file(stopped / WEIGHTS).keys() == {"W_enc", "W_dec", "b_enc", "b_dec", "threshold"}
    assert (stopped / WEIGHTS).read_bytes() == uninterrupted[WEIGHTS]


def truncate(path):
    path.write_bytes(path.read_bytes()[:-8])


def without_header(path):
    save_file(load_file(path), path)


def with_nan(path):
    with safe_open(path, framework="np") as file:
        header = file.metadata()
    tensors = load_file(path)
    tensors["W_enc.mean"][0, 0] = np.nan
    save_file(tensors, path, header)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (truncate, "not a whole safetensors file"),
        (without_header, "not a checkpoint of this version"),
        (with_nan, "'W_enc.mean' holds 1 NaN"),
    ],
)
def test_a_damaged_checkpoint_is_refused(shards, stopped, damage, told):
    damage(stopped / CHECKPOINT)
    with pytest.raises(SAEError, match=told):
        train(shards, *SMALL, out=stopped)


def test_checkpoints_by_time(shards, tmp_path):
    settings = replace(SMALL[1], checkpoint_steps=None, checkpoint_seconds=1e-9)
    with pytest.raises(StoppedError):
        train(shards, SMALL[0], settings, out=tmp_path, progress=stop_at(5))
    assert train(shards, SMALL[0], settings, out=tmp_path).resumed_from == 4


def test_progress_says_how_far_it_is(shards, tmp_path):
    seen = []
    report = train(shards, *SMALL, out=tmp_path, progress=seen.append)
    assert [p.step for p in seen] == list(range(1, 41))
    assert {p.total_steps for p in seen} == {40}
    assert seen[-1].tokens == report.tokens == 4000
    assert seen[-1].nmse < seen[0].nmse
    assert seen[-1].eta_seconds == 0
    assert all(p.tokens_per_second > 0 and p.loss > 0 for p in seen)
    assert (report.nmse, report.l0, report.dead_share) == (
        seen[-1].nmse,
        seen[-1].l0,
        seen[-1].dead_share,
    )


def test_the_folder_says_what_it_reads_and_how_it_was_trained(shards, tmp_path):
    train(shards, *SMALL, out=tmp_path)
    config = json.loads((tmp_path / CONFIG).read_text())
    assert config["reader"] == {"model": "m"}
    assert config["recipe"]["training"]["learning_rate"] == SMALL[1].learning_rate
    assert config["recipe"]["steps"] == 40
    assert sorted(files(tmp_path)) == [CONFIG, WEIGHTS]


def test_what_cannot_be_trained_is_refused(shards, tmp_path, uninterrupted):
    sae, settings = SMALL
    with pytest.raises(SAEError, match="hidden states have width 32; the SAE's d_in is 31"):
        train(shards, replace(sae, d_in=31), settings, out=tmp_path)
    with pytest.raises(SAEError, match="do not fill one batch of 5000"):
        train(shards, sae, replace(settings, batch_size=5000), out=tmp_path)
    with pytest.raises(SAEError, match="mean squared norm of the first hidden states is 0"):
        train(ArraySource(np.zeros((2000, D_IN), np.float32), {}), sae, settings, out=tmp_path)
    with pytest.raises(SAEError, match="training diverged; lower learning_rate"):
        train(shards, sae, replace(settings, learning_rate=1e38), out=tmp_path)
    (tmp_path / CONFIG).write_text("{}")
    with pytest.raises(SAEError, match="already holds an SAE"):
        train(shards, sae, settings, out=tmp_path)


def silent_latents(aux_k):
    """Dead latents at the end, where half start with a bias that keeps them out of every top k."""
    settings = replace(QUICK, aux_k=aux_k, dead_after=2_000)
    data = source()
    state = initial_state(data, SAEConfig(D_IN, ATOMS, "topk", ACTIVE), settings)
    with torch.no_grad():
        state.weights.b_enc[: ATOMS // 2] = -2
    for batch in islice(data.batches(256, epochs=3, seed=0), 400):
        train_step(state, torch.from_numpy(batch), settings, total=400)
    return len(state.dead(2_000))


def test_aux_k_revives_dead_latents():
    assert silent_latents(aux_k=0) > ATOMS // 3
    assert silent_latents(aux_k=8) < ATOMS // 6


def test_memory_does_not_grow_with_the_steps(tmp_path):
    sae, settings = SAEConfig(D_IN, 1024, "batchtopk", 8), replace(QUICK, max_steps=150)
    used = []
    train(
        source(),
        sae,
        replace(settings, aux_k=32),
        out=tmp_path,
        progress=lambda _: used.append(psutil.Process().memory_info().rss),
    )
    # One batch of activations is 1 MB; keeping them would show as 100 MB.
    assert max(used[100:]) - max(used[:50]) < 20e6
