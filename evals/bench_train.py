"""Training: one step of a TopK SAE, beside a bare matrix product, autograd and other trainers."""

from collections.abc import Callable
from dataclasses import replace
from itertools import cycle

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from glassdex.evals.bench import (
    BenchRow,
    BenchSetup,
    Target,
    Timed,
    compared,
    race,
    timed,
    timed_wide,
)
from glassdex.evals.bench_sae import K, hidden_states
from glassdex.evals.peers import SAE_LENS, SPARSIFY, TRAINERS, Step, TrainShape
from glassdex.sae.batches import ArraySource
from glassdex.sae.bundle import folder_of, load_encoder
from glassdex.sae.config import SAEConfig
from glassdex.sae.fused_step import FusedStep
from glassdex.sae.precision import quickest
from glassdex.sae.trainer import initial_state
from glassdex.sae.training_config import TrainConfig
from glassdex.sae.training_state import TrainingState
from glassdex.sae.training_step import fused_train_step, train_step

OURS, PRODUCT, AUTOGRAD = "ours", "forward GEMM alone, fp32", "autograd in torch"

_TARGETS = {
    (SAE_LENS.name, 4096): Target(8),
    (SAE_LENS.name, 16_384): Target(12),
    (SPARSIFY.name, 4096): Target(3),
    (SPARSIFY.name, 16_384): Target(4),
}

Clock = Callable[[Callable[[], object]], Timed]

_BATCHES = 4
"""Different ones, that every trainer goes through."""

_WARM = 2
_STEPS = 1000
"""Of the run that the steps are thought to belong to, for the schedules."""

_DEAD = 10
"""One latent in so many."""

_JITTER = 0.05
"""Noise on repeated hidden states, in units of their spread."""


def bench_train(setup: BenchSetup) -> list[BenchRow]:
    """Hidden states a second."""
    reader = load_encoder(folder_of(setup.sae)).reader
    setup.say("reading hidden states")
    read = hidden_states(reader, setup.corpus.texts(setup.size.encoded))
    rows = []
    for d_sae, batch in setup.size.dictionaries:
        states = enlarged(read, _BATCHES * batch)
        for dead in (0, d_sae // _DEAD):
            shape = TrainShape(reader.width, d_sae, K, batch, dead)
            setup.say(f"training steps: {_called(shape)}")
            rows += _steps(shape, states, setup.size.rounds)
    return rows


def enlarged(states: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """(n, width) of the (m, width) states in random order, repeated with some noise if m < n."""
    generator = np.random.default_rng(0)
    rows = np.concatenate([generator.permutation(len(states)) for _ in range(-(-n // len(states)))])
    large: NDArray[np.float32] = states[rows[:n]]
    repeated = large[len(states) :]
    noise = generator.standard_normal(repeated.shape, dtype=np.float32)
    repeated += np.float32(_JITTER) * states.std(0) * noise
    return large


def _steps(shape: TrainShape, states: NDArray[np.float32], rounds: int) -> list[BenchRow]:
    train = TrainConfig(batch_size=shape.batch, sample_rows=min(10_000, len(states)))
    train = replace(train, aux_k=min(train.aux_k, shape.d_sae))
    config = SAEConfig(shape.d_in, shape.d_sae, "topk", shape.k)
    source = ArraySource(states, {})
    own, plain = (initial_state(source, config, train) for _ in range(2))
    batches = torch.split(torch.from_numpy(states), shape.batch)
    scaled = tuple(batch * own.config.scale for batch in batches)
    runners = {
        OURS: _stepping(_fused(own, train, shape), batches, timed),
        PRODUCT: _stepping(_product(own, shape), scaled),
        AUTOGRAD: _stepping(_autograd(plain, train, shape), batches),
    }
    for peer, make_step in TRAINERS:
        if peer.usable:
            runners[peer.name] = _stepping(make_step(shape), scaled)
    speeds = {name: shape.batch / best for name, best in race(runners, rounds).items()}
    targets = {name: _TARGETS.get((name, shape.d_sae)) for name in runners}
    references = [(name, speeds[name], targets[name]) for name in runners if name != OURS]
    return compared("train", _called(shape), speeds[OURS], "tokens/s", references)


def _called(shape: TrainShape) -> str:
    dead = f", {shape.dead / shape.d_sae:.0%} dead" if shape.dead else ""
    return f"d_sae {shape.d_sae}, batch {shape.batch}{dead}, {quickest()} screen"


def _stepping(step: Step, batches: tuple[Tensor, ...], clock: Clock = timed_wide) -> Timed:
    """The step on one batch after the other; it has run already."""
    stream = cycle(batches)
    for _ in range(_WARM):
        step(next(stream))
    return clock(lambda: step(next(stream)))


def _fused(state: TrainingState, train: TrainConfig, shape: TrainShape) -> Step:
    fused = FusedStep(state, train)

    def step(batch: Tensor) -> float:
        _kill(state, train, shape)
        return fused_train_step(fused, state, batch, train, _STEPS)

    return step


def _autograd(state: TrainingState, train: TrainConfig, shape: TrainShape) -> Step:
    def step(batch: Tensor) -> float:
        _kill(state, train, shape)
        return train_step(state, batch, train, _STEPS)

    return step


def _kill(state: TrainingState, train: TrainConfig, shape: TrainShape) -> None:
    """Make just the latents that should be dead look so, whatever was active before."""
    state.silent.zero_()
    state.silent[shape.dead_latents()] = train.dead_after + 1


def _product(state: TrainingState, shape: TrainShape) -> Callable[[Tensor], Tensor]:
    """What every dense trainer must compute at least: hidden states times encoder."""
    encoder = state.weights.w_enc.detach().clone().T
    out = torch.empty(shape.batch, shape.d_sae)
    return lambda batch: torch.mm(batch, encoder, out=out)
