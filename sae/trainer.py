"""Training of an SAE from a stream of hidden states; a killed run goes on where it was saved."""

import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from glassdex.errors import SAEError
from glassdex.sae.autoencoder import SparseAutoencoder, Weights, weight_shapes
from glassdex.sae.batches import ActivationSource
from glassdex.sae.config import SAEConfig
from glassdex.sae.folder import CONFIG, save
from glassdex.sae.fused_step import FusedStep
from glassdex.sae.training_config import TrainConfig
from glassdex.sae.training_state import (
    CHECKPOINT,
    TrainingState,
    load_checkpoint,
    new_state,
    run_identity,
    save_checkpoint,
)
from glassdex.sae.training_step import fused_train_step, train_step
from glassdex.sae.workers import split_products


@dataclass(frozen=True)
class TrainProgress:
    """How far a run is."""

    step: int
    """Steps done."""

    total_steps: int

    tokens: int
    """Hidden states seen, those before a resumption included."""

    loss: float
    """Of the last batch."""

    nmse: float
    """Running mean over about the last 50 batches."""

    l0: float
    """Active latents per hidden state, running mean."""

    dead_share: float
    """Share of latents silent for longer than `dead_after`."""

    tokens_per_second: float
    """Since this process began."""

    eta_seconds: float
    """Time left at that speed."""


class ProgressCallback(Protocol):
    """Called after every step."""

    def __call__(self, progress: TrainProgress) -> None:
        """Show it."""


@dataclass(frozen=True)
class TrainReport:
    """What a finished run did."""

    folder: Path
    """The SAE folder."""

    steps: int
    tokens: int
    """Hidden states seen."""

    seconds: float
    """Wall time of this process; a resumed run's earlier time is not in it."""

    resumed_from: int
    """Step of the checkpoint it went on from; 0 for a fresh run."""

    nmse: float
    """Running mean at the end; see `quality` for held-out figures."""

    l0: float
    dead_share: float


def train(
    source: ActivationSource,
    sae_config: SAEConfig,
    train_config: TrainConfig,
    *,
    out: Path,
    progress: ProgressCallback | None = None,
) -> TrainReport:
    """Train an SAE and write its folder.

    Args:
        source: the hidden states.
        sae_config: what to train; its scale, reader and recipe are filled in here.
        train_config: how.
        out: the SAE folder; checkpoints are kept in `.training` below it until the end.
        progress: called after every step.

    Raises:
        SAEError: the settings contradict, `out` holds an SAE or a run with other settings,
            there are too few hidden states, or training diverged.
    """
    started = time.monotonic()
    _check(source, sae_config, train_config, out)
    total = train_config.total_steps(source.rows)
    identity = run_identity(sae_config, train_config, source.rows, source.reader)
    state = load_checkpoint(out, sae_config, train_config, identity)
    if state is None:
        state = initial_state(source, sae_config, train_config)
    first = state.step
    _run(source, state, train_config, total, out, identity, progress)
    save(out, _finished(state, source, train_config), train_config.dtype)
    shutil.rmtree((out / CHECKPOINT).parent, ignore_errors=True)
    return TrainReport(
        folder=out,
        steps=state.step,
        tokens=state.step * train_config.batch_size,
        seconds=time.monotonic() - started,
        resumed_from=first,
        nmse=state.nmse,
        l0=state.l0,
        dead_share=_dead_share(state, train_config),
    )


def _check(source: ActivationSource, sae: SAEConfig, train: TrainConfig, out: Path) -> None:
    train.check_with(sae)
    if source.d_in != sae.d_in:
        raise SAEError(f"hidden states have width {source.d_in}; the SAE's d_in is {sae.d_in}")
    if train.total_steps(source.rows) < 1:
        raise SAEError(
            f"{source.rows} hidden states do not fill one batch of {train.batch_size}: lower "
            "batch_size or read more text"
        )
    if (out / CONFIG).exists():
        raise SAEError(f"{out} already holds an SAE: choose another folder or remove that one")


def _run(
    source: ActivationSource,
    state: TrainingState,
    train: TrainConfig,
    total: int,
    out: Path,
    identity: Mapping[str, Any],
    progress: ProgressCallback | None,
) -> None:
    """The steps that are left, with checkpoints in between."""
    batches = source.batches(
        train.batch_size, epochs=train.epochs, seed=train.seed, start_step=state.step
    )
    first, started = state.step, time.monotonic()
    saved = started
    with _steps(state, train, total) as step:
        for batch in islice(batches, total - state.step):
            loss = step(torch.from_numpy(batch))
            if not math.isfinite(loss):
                raise SAEError(
                    f"the loss is {loss} after step {state.step}: training diverged; lower "
                    f"learning_rate (now {train.learning_rate}) or look for outliers in the input"
                )
            now = time.monotonic()
            if progress is not None:
                progress(_progress(state, train, total, loss, first, now - started))
            if _due(state.step, train, now - saved):
                save_checkpoint(out, state, identity)
                saved = now


@contextmanager
def _steps(
    state: TrainingState, train: TrainConfig, total: int
) -> Iterator[Callable[[Tensor], float]]:
    """Changes the state by a batch and gives its loss; the quick way where there is one."""
    if FusedStep.supports(state.config.activation):
        yield partial(fused_train_step, FusedStep(state, train), state, train=train, total=total)
        return
    with split_products():
        yield partial(train_step, state, train=train, total=total)


def _due(step: int, train: TrainConfig, seconds: float) -> bool:
    every = train.checkpoint_steps
    return seconds >= train.checkpoint_seconds or (every is not None and step % every == 0)


def _progress(
    state: TrainingState, train: TrainConfig, total: int, loss: float, first: int, seconds: float
) -> TrainProgress:
    steps_per_second = (state.step - first) / max(seconds, 1e-9)
    return TrainProgress(
        step=state.step,
        total_steps=total,
        tokens=state.step * train.batch_size,
        loss=loss,
        nmse=state.nmse,
        l0=state.l0,
        dead_share=_dead_share(state, train),
        tokens_per_second=steps_per_second * train.batch_size,
        eta_seconds=(total - state.step) / max(steps_per_second, 1e-9),
    )


def _dead_share(state: TrainingState, train: TrainConfig) -> float:
    return len(state.dead(train.dead_after)) / state.config.d_sae


def initial_state(source: ActivationSource, sae: SAEConfig, train: TrainConfig) -> TrainingState:
    """Median pre-bias, one input scale, unit-norm decoder, encoder equal to it (2408.00657)."""
    sample = _sample(source, train)
    square_norm = float(np.square(sample, dtype=np.float64).sum(1).mean())
    if not 0 < square_norm < math.inf:
        raise SAEError(
            f"the mean squared norm of the first hidden states is {square_norm}; wanted a "
            "positive number: the reader gave zeros or overflowed"
        )
    scale = math.sqrt(source.d_in / square_norm)
    generator = torch.Generator().manual_seed(train.seed)
    decoder = torch.randn(sae.d_sae, sae.d_in, generator=generator)
    decoder /= decoder.norm(dim=1, keepdim=True)
    (thresholds,) = weight_shapes(sae).get("threshold", (0,))
    weights = Weights(
        w_enc=decoder.clone(),
        b_enc=torch.zeros(sae.d_sae),
        w_dec=decoder,
        b_dec=torch.from_numpy(np.median(sample, axis=0) * np.float32(scale)),
        threshold=torch.full((thresholds,), train.initial_threshold * sae.d_in**0.5),
    )
    return new_state(replace(sae, scale=scale), train, weights)


def _sample(source: ActivationSource, train: TrainConfig) -> np.ndarray[Any, Any]:
    """The first hidden states of the shuffled stream, `sample_rows` or a little more."""
    stream = source.batches(train.batch_size, epochs=train.epochs, seed=train.seed)
    batches = islice(stream, math.ceil(train.sample_rows / train.batch_size))
    return np.concatenate(list(batches))


def _finished(
    state: TrainingState, source: ActivationSource, train: TrainConfig
) -> SparseAutoencoder:
    """The trained SAE; what it reads and how it was trained go into its configuration."""
    recipe = {
        "training": asdict(train),
        "activations": source.rows,
        "steps": state.step,
        "training_nmse": state.nmse,
        "training_l0": state.l0,
    }
    config = replace(state.config, reader=dict(source.reader), recipe=recipe)
    tensors = {name: tensor.detach().clone() for name, tensor in vars(state.weights).items()}
    return SparseAutoencoder(config, Weights(**tensors))
