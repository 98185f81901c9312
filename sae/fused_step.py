"""A training step without autograd, over the active entries of a batch only.

The same mathematics as `glassdex.sae.training_step`, which is the readable form of it and what
it is tested against: gradients of a sparse code touch only those rows of the weights that are
active, so that one coarse dense product is left (see `glassdex.sae.screen`) and everything else
grows with k. For topk and batchtopk, with or without nested sizes; the derivatives:

    err_p = x_hat_p - x           G_p = 2 / (P baseline) (err_p + err_(p+1) + ... + err_P)
    dL/dv_j = <G_p(j), W_dec_j>   dL/dW_dec_j = sum v_j G_p(j)   dL/dW_enc_j = sum dL/dv_j c
    dL/db_dec = sum G_1 - W_enc^T dL/db_enc, because c = x - b_dec

with p(j) the first nested size that latent j belongs to, and one more such G for the residual
that the dead latents reconstruct.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from glassdex.sae import fused_kernels as kernels
from glassdex.sae.dead_latents import DeadLatents, Revival
from glassdex.sae.fused_kernels import Adam, Code, Entries, Tensors
from glassdex.sae.rounding import Floats
from glassdex.sae.screen import Screen
from glassdex.sae.selecting import Look
from glassdex.sae.training_config import TrainConfig
from glassdex.sae.training_state import TrainingState, learned_tensors
from glassdex.sae.workers import ordered_map

Ints = npt.NDArray[np.int64]
Part = tuple[int, int]
Item = TypeVar("Item")
Result = TypeVar("Result")

_ROWS = 512
"""Rows of one piece of work; their hidden states stay in cache."""

_LATENTS = 256
"""Latents of one piece of work."""

_GUESS = 0.95
"""A batch's smallest active value is sought from this share of the former batch's upwards. Which
entries are found does not depend on the guess."""

_SAMPLE = 128

_TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class StepResult:
    """What a step saw before it changed the weights."""

    loss: float
    nmse: float
    latents: npt.NDArray[np.int32]
    """Of the active entries."""

    values: Floats


@dataclass(frozen=True)
class _Block:
    """What came of some rows."""

    code: Code
    dead: Code
    slopes: Floats
    dead_slopes: Floats
    squares: npt.NDArray[np.float64]
    sums: Floats
    """(slots + 1, d_in) of the rows' memory."""

    revival: Revival | None = None


class FusedStep:
    """Runs steps on one training state; keeps the rounded encoder and memory for a batch."""

    def __init__(self, state: TrainingState, train: TrainConfig) -> None:
        config = state.config
        self._state, self._train, self._k = state, train, config.k or 0
        self._edges = np.array(config.matryoshka or (config.d_sae,), np.int64)
        slots = np.searchsorted(self._edges, np.arange(config.d_sae), side="right")
        self._slots = slots.astype(np.int8)
        self._weights, self._means, self._squares = _tensors(state)
        self._gradients = Tensors(*(np.zeros_like(one) for one in self._weights))
        self._screen = Screen.of(self._weights.w_enc, self._weights.b_enc)
        self._memory = np.empty((0, 0, config.d_in), np.float32)
        self._cut = 0.0

    @staticmethod
    def supports(activation: str) -> bool:
        """Whether steps of an SAE of this kind can be fused."""
        return activation in ("topk", "batchtopk")

    def gradients(self, x: Floats) -> tuple[StepResult, Tensors]:
        """Losses and gradients of (n, d_in) float32 scaled hidden states; nothing is changed.

        The decoder's are without what would only lengthen a row, and not clipped.
        """
        result, _ = self._backward(x)
        return result, self._gradients

    def __call__(self, x: Floats, learning_rate: float) -> StepResult:
        """Change the weights by one step of Adam.

        What overflows shows as a loss that is not finite, in this step or the next.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            return self._step(x, learning_rate)

    def _step(self, x: Floats, learning_rate: float) -> StepResult:
        result, square = self._backward(x)
        clip = min(1.0, self._train.clip_norm / (square**0.5 + 1e-6))
        adam = self._adam(learning_rate, clip)
        kernels.adam_row(
            self._weights.b_dec, self._gradients.b_dec, self._means.b_dec, self._squares.b_dec, adam
        )

        def update(part: Part) -> None:
            kernels.update(*part, self._weights, self._gradients, self._means, self._squares, adam)
            self._screen.refresh(*part)

        _run(update, _parts(len(self._slots), _LATENTS))
        return result

    def _backward(self, x: Floats) -> tuple[StepResult, float]:
        """Fill the gradients; the losses, and the sum of the gradients' squares."""
        nested = len(self._edges)
        names = np.zeros(0, np.int64)
        if self._train.aux_k:
            names = self._state.dead(self._train.dead_after).numpy()
        dead = DeadLatents.of(self._weights, names, self._train.aux_k, nested)
        shape = (len(x), nested + bool(len(names)) + 1, x.shape[1])
        if self._memory.shape != shape:
            self._memory = np.empty(shape, np.float32)
        blocks = self._blocks(x, dead)
        squares = np.concatenate([block.squares for block in blocks]).sum(0)
        sums = np.stack([block.sums for block in blocks]).sum(0, dtype=np.float64)
        around_mean = squares - np.square(sums).sum(1) / len(x)
        baseline, residual = np.maximum(around_mean[[-1, nested - 1]], _TINY)
        factors = np.full(nested + 1, 2 / (nested * baseline))
        losses = squares[:nested] / baseline
        loss = float(losses.mean())
        if len(names):
            loss += self._train.aux_coefficient * squares[nested] / residual
            factors[nested] = 2 * self._train.aux_coefficient / residual
        square = self._weight_slopes(blocks, factors.astype(np.float32), dead)
        own = factors[0] * sums[0] + self._gradients.b_dec
        self._gradients.b_dec[:] = own
        square += float(np.square(own).sum())
        latents = np.concatenate([block.code.latents for block in blocks])
        values = np.concatenate([block.code.values for block in blocks])
        return StepResult(loss, float(losses[-1]), latents, values), square

    def _blocks(self, x: Floats, dead: DeadLatents) -> list[_Block]:
        """Encode and differentiate all rows, block by block."""
        parts = _parts(len(x), _ROWS)
        if self._state.config.activation == "topk":
            zero = np.zeros(len(self._slots), np.float32)

            def whole(part: Part) -> _Block:
                centred = x[slice(*part)] - self._weights.b_dec
                return self._differentiate(x, part, self._above(centred, zero, self._k), dead)

            return _run(whole, parts)
        codes = self._batch_top_k(x, parts)

        def rest(part_and_code: tuple[Part, Code]) -> _Block:
            return self._differentiate(x, *part_and_code, dead)

        return list(ordered_map(rest, zip(parts, codes, strict=True)))

    def _batch_top_k(self, x: Floats, parts: list[Part]) -> list[Code]:
        """The entries of k latents per row on average; ties to the lower row, then latent."""
        wanted = self._k * len(x)
        cut = _GUESS * (self._cut or self._first_cut(x))
        while True:
            threshold = np.full(len(self._slots), cut, np.float32)

            def encode(part: Part, threshold: Floats = threshold) -> Code:
                return self._above(x[slice(*part)] - self._weights.b_dec, threshold, 0)

            codes = _run(encode, parts)
            values = np.concatenate([code.values for code in codes])
            if len(values) >= wanted or cut == 0:
                break
            cut = _GUESS * cut - 1e-3 if cut > 2e-3 else 0.0
        if len(values) > wanted:
            self._cut = float(np.partition(values, -wanted)[-wanted])
            codes = _at_least(codes, np.float32(self._cut), wanted)
        elif len(values):
            self._cut = float(values.min())
        return codes

    def _first_cut(self, x: Floats) -> float:
        """About the smallest active value, from the first rows."""
        rows = x[:_SAMPLE] - self._weights.b_dec
        pre = rows @ self._weights.w_enc.T + self._weights.b_enc
        active = self._k * len(rows)
        return max(0.0, float(np.partition(pre, -active, axis=None)[-active]))

    def _above(self, centred: Floats, threshold: Floats, k: int) -> Code:
        """Entries above the threshold; with k, the k largest of each row."""
        latents, look = self._screen.latents, Look.at(len(threshold))
        counts, n = np.empty(len(centred), np.int64), 0
        found = np.empty(len(centred) * len(threshold) + 1, np.int32)
        for low, rows in self._screen.look(centred, proven=False):
            of_rows = counts[low : low + len(rows.centred)]
            n = kernels.collect(rows, latents, threshold, k, look, of_rows, found, n)
        values = np.empty(n, np.float32)
        kernels.weigh(centred, latents, counts, found[:n], values)
        n = kernels.settle(threshold, k, counts, found, values)
        kept = found[:n].copy()
        return Code(counts, kept, values[:n], self._slots[kept])

    def _differentiate(self, x: Floats, part: Part, code: Code, dead: DeadLatents) -> _Block:
        """Errors and slopes of some rows."""
        rows, nested = slice(*part), len(self._edges)
        memory = self._memory[rows]
        of_dead = dead.strongest(x[rows] - self._weights.b_dec)
        slopes, dead_slopes = (np.empty(len(one.values), np.float32) for one in (code, of_dead))
        squares = np.empty(memory.shape[:2])
        kernels.differentiate(
            x[rows],
            self._weights,
            self._edges,
            code,
            of_dead,
            memory,
            slopes,
            dead_slopes,
            squares,
        )
        revival = None
        if dead.dense:
            centred, error, left = memory[:, -1], memory[:, nested - 1], memory[:, nested]
            revival = dead.revive(centred, error, left)
            squares[:, nested] = np.einsum("nd,nd->n", left, left)
        return _Block(code, of_dead, slopes, dead_slopes, squares, memory.sum(0), revival)

    def _weight_slopes(self, blocks: list[_Block], factors: Floats, dead: DeadLatents) -> float:
        """Turn errors and slopes into the gradients of the latents; the sum of their squares.

        What comes of the encoder's biases is left in the decoder's.
        """
        started = self._start(blocks, float(factors[-1]), dead)
        entries, latents = _entries(blocks)
        places = np.empty(len(self._slots) + 1, np.int64)
        order = np.empty(len(latents), np.int32)
        kernels.by_latent(latents, places, order)

        def weight_slopes(part: Part) -> tuple[float, Floats]:
            pull = np.empty(self._memory.shape[2], np.float32)
            square: float = kernels.weight_slopes(
                *part,
                places,
                order,
                entries,
                factors,
                self._memory,
                self._weights,
                started,
                pull,
                self._gradients,
            )
            return square, pull

        found = _run(weight_slopes, _parts(len(self._slots), _LATENTS))
        self._gradients.b_dec[:] = -sum(pull for _, pull in found)
        return sum(square for square, _ in found)

    def _start(
        self, blocks: list[_Block], factor: float, dead: DeadLatents
    ) -> npt.NDArray[np.bool_]:
        """Begin the gradients of dead latents with what dense products gave; which have begun."""
        started = np.zeros(len(self._slots), np.bool_)

        def start(name: str) -> None:
            total = sum(getattr(block.revival, name) for block in blocks)
            getattr(self._gradients, name)[dead.names] = (factor * total).numpy()

        if dead.dense:
            started[dead.names] = True
            _run(start, Revival._fields)
        return started

    def _adam(self, learning_rate: float, clip: float) -> Adam:
        group = self._state.optimizer.param_groups[0]
        beta1, beta2 = group["betas"]
        steps = self._state.step + 1
        for moments in self._state.optimizer.state.values():
            moments["step"] += 1
        return Adam(
            step=np.float32(learning_rate / (1 - beta1**steps)),
            beta1=np.float32(beta1),
            beta2=np.float32(beta2),
            root=np.float32((1 - beta2**steps) ** -0.5),
            epsilon=np.float32(group["eps"]),
            clip=np.float32(clip),
        )


def _tensors(state: TrainingState) -> tuple[Tensors, Tensors, Tensors]:
    """Weights and Adam's moments, as arrays that share the state's memory."""
    learned = learned_tensors(state.config, state.weights)
    for tensor in learned.values():
        if tensor not in state.optimizer.state:
            state.optimizer.state[tensor] = {
                "step": torch.tensor(0.0),
                "exp_avg": torch.zeros_like(tensor),
                "exp_avg_sq": torch.zeros_like(tensor),
            }
    names = ("W_enc", "b_enc", "W_dec", "b_dec")
    moments = [state.optimizer.state[learned[name]] for name in names]
    return (
        Tensors(*(learned[name].detach().numpy() for name in names)),
        Tensors(*(one["exp_avg"].detach().numpy() for one in moments)),
        Tensors(*(one["exp_avg_sq"].detach().numpy() for one in moments)),
    )


def _run(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    return list(ordered_map(function, items))


def _parts(n: int, size: int) -> list[Part]:
    """Ranges of n things; the same ones whatever the number of threads."""
    return [(low, min(low + size, n)) for low in range(0, n, size)]


def _at_least(codes: list[Code], cut: np.float32, wanted: int) -> list[Code]:
    """Entries of at least `cut`; of equal ones the first, by row and latent, up to `wanted`."""
    left = wanted - sum(int(np.count_nonzero(code.values > cut)) for code in codes)
    kept = []
    for code in codes:
        keep = code.values > cut
        rows = np.repeat(np.arange(len(code.counts)), code.counts)
        equal = np.flatnonzero(code.values == cut)
        equal = equal[np.lexsort((code.latents[equal], rows[equal]))][:left]
        keep[equal] = True
        left -= len(equal)
        counts = np.bincount(rows[keep], minlength=len(code.counts))
        kept.append(Code(counts, code.latents[keep], code.values[keep], code.slots[keep]))
    return kept


def _entries(blocks: list[_Block]) -> tuple[Entries, npt.NDArray[np.int32]]:
    """All entries, those of the dead latents last, and the latent of each."""
    codes = [block.code for block in blocks] + [block.dead for block in blocks]
    slopes = [block.slopes for block in blocks] + [block.dead_slopes for block in blocks]
    first = np.cumsum([0] + [len(block.code.counts) for block in blocks])[:-1]
    rows = [
        np.repeat(np.arange(start, start + len(code.counts), dtype=np.int32), code.counts)
        for start, code in zip(np.tile(first, 2), codes, strict=True)
    ]
    return Entries(
        np.concatenate(rows),
        np.concatenate([code.slots for code in codes]),
        np.concatenate([code.values for code in codes]),
        np.concatenate(slopes),
    ), np.concatenate([code.latents for code in codes])
