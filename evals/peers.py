"""Other people's programs that do the same work, to be timed beside ours.

None of them is needed by glassdex; one that is not installed is not compared with. They are used
as their own documentation shows, with their own defaults.
"""

import contextlib
import importlib
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from glassdex.sae.checkpoint import Checkpoint

LEARNING_RATE = 8e-4

Step = Callable[[Tensor], object]
"""Trains an SAE on one (rows, d_in) float32 batch, scaled so that its mean squared norm is d_in."""

_WINDOW = 1_000_000
"""Forward passes, and tokens, after which a peer is told to call a latent dead."""

_AUX = 1 / 32
"""Weight of the dead latents' loss where a peer leaves the choice to its user: 2406.04093."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A program to compare with."""

    name: str
    module: str
    package: str

    @property
    def usable(self) -> bool:
        """Whether it is installed and can be imported."""
        return why_not(self) is None


SENTENCE_TRANSFORMERS = Peer(
    "sentence_transformers fp32", "sentence_transformers", "sentence-transformers"
)
SAE_LENS = Peer("SAELens TopK", "sae_lens", "sae-lens")
SPARSIFY = Peer("sparsify SparseCoder", "sparsify", "eai-sparsify")


@cache
def why_not(peer: Peer) -> str | None:
    """Why a peer cannot be compared with; None if it can."""
    try:
        metadata.version(peer.package)
        _load(peer)
    except metadata.PackageNotFoundError:
        return "not installed"
    except ImportError as error:
        return f"cannot be imported: {error}"
    return None


@dataclass(frozen=True, slots=True)
class TrainShape:
    """d_sae latents, k of them active, read from d_in numbers, `batch` rows a step; `dead` of the
    latents, evenly spread, count as dead in every step."""

    d_in: int
    d_sae: int
    k: int
    batch: int
    dead: int

    def dead_latents(self) -> slice:
        """Which ones they are."""
        return slice(0, self.d_sae if self.dead else 0, self.d_sae // max(1, self.dead))


def sentence_transformer(checkpoint: Checkpoint) -> Callable[[Sequence[str]], object]:
    """Encodes texts in float32 with the weights of a reader."""
    with _quietly():
        model = _load(SENTENCE_TRANSFORMERS).SentenceTransformer(
            str(_root(checkpoint)), device="cpu", local_files_only=True
        )
    model.float()

    def encode(texts: Sequence[str]) -> object:
        return model.encode(list(texts), show_progress_bar=False)

    return encode


def sae_lens_step(shape: TrainShape) -> Step:
    """SAELens's trainer: its step with clipping, schedule and counters; its own aux loss."""
    package = _load(SAE_LENS)
    config = importlib.import_module("sae_lens.config")
    trainer_module = importlib.import_module("sae_lens.training.sae_trainer")
    sae = package.TopKTrainingSAE(
        package.TopKTrainingSAEConfig(
            d_in=shape.d_in, d_sae=shape.d_sae, k=shape.k, device="cpu", dtype="float32"
        )
    )
    settings = config.SAETrainerConfig(
        total_training_samples=1000 * shape.batch,
        train_batch_size_samples=shape.batch,
        device="cpu",
        autocast=False,
        lr=LEARNING_RATE,
        lr_end=LEARNING_RATE / 10,
        lr_scheduler_name="constant",
        lr_warm_up_steps=0,
        lr_decay_steps=0,
        n_restart_cycles=1,
        adam_beta1=0.9,
        adam_beta2=0.999,
        dead_feature_window=_WINDOW,
        feature_sampling_window=_WINDOW,
        n_checkpoints=0,
        checkpoint_path=None,
        save_final_checkpoint=False,
        n_batches_for_norm_estimate=1,
        logger=config.LoggingConfig(log_to_wandb=False),
    )
    trainer = trainer_module.SAETrainer(settings, sae, iter(()))

    def step(batch: Tensor) -> object:
        trainer.n_forward_passes_since_fired.zero_()
        trainer.n_forward_passes_since_fired[shape.dead_latents()] = _WINDOW + 1
        return trainer.step(batch)

    return step


def sparsify_step(shape: TrainShape) -> Step:
    """sparsify's coder: forward, backward, Adam, decoder rows at norm 1; its own aux loss."""
    package = _load(SPARSIFY)
    config = package.SparseCoderConfig(num_latents=shape.d_sae, k=shape.k)
    coder = package.SparseCoder(shape.d_in, config)
    optimizer = torch.optim.Adam(coder.parameters(), lr=LEARNING_RATE)
    dead = torch.zeros(shape.d_sae, dtype=torch.bool)
    dead[shape.dead_latents()] = True

    def step(batch: Tensor) -> object:
        coder.set_decoder_norm_to_unit_norm()
        out = coder(batch, dead_mask=dead if shape.dead else None)
        (out.fvu + _AUX * out.auxk_loss).backward()
        coder.remove_gradient_parallel_to_decoder_directions()
        optimizer.step()
        optimizer.zero_grad()
        return out

    return step


TRAINERS = ((SAE_LENS, sae_lens_step), (SPARSIFY, sparsify_step))


def _load(peer: Peer) -> ModuleType:
    with _quietly():
        return importlib.import_module(peer.module)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """What other packages say while they load is neither an answer nor a warning of ours."""
    said = io.StringIO()
    with (
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
        warnings.catch_warnings(action="ignore"),
    ):
        yield


def _root(checkpoint: Checkpoint) -> Path:
    """The folder of the whole model, of which a reader's checkpoint may be a part."""
    folder = checkpoint.folder
    return next((p for p in (folder, folder.parent) if (p / "modules.json").exists()), folder)
