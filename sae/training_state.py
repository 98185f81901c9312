"""Everything a training run must remember, and its checkpoint.

A checkpoint is one safetensors file, replaced atomically: tensors, and in its header one JSON
object with the counters and the settings it belongs to. It holds the exact float32 values, so a
run that goes on from it, on the same machine with as many threads, gives the same weights as one
that was never stopped.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from glassdex.errors import SAEError
from glassdex.sae.activation import BUILDERS, Activation
from glassdex.sae.autoencoder import Weights, weight_shapes
from glassdex.sae.config import SAEConfig
from glassdex.sae.files import read_metadata, read_tensors, write_tensors
from glassdex.sae.training_config import TrainConfig

CHECKPOINT = Path(".training") / "checkpoint.safetensors"
"""Where it is in the folder of the SAE; removed when training has finished."""

HEADER = "training"


@dataclass
class TrainingState:
    """Weights, Adam's moments and counters between two steps."""

    config: SAEConfig
    """With the input scale that the first rows gave."""

    weights: Weights
    """Leaf tensors that the optimizer changes in place."""

    optimizer: torch.optim.Adam

    activation: Activation

    silent: Tensor
    """(d_sae,) int64: hidden states since each latent was last active."""

    scratch: Tensor
    """Memory for a batch's pre-activations, which is slow to get anew in every step."""

    step: int = 0
    """Steps done."""

    nmse: float = 1.0
    """Running mean of the batches' nMSE, over about the last 50."""

    l0: float = 0.0
    """Running mean of the active latents per hidden state."""

    def dead(self, after: int) -> Tensor:
        """(n,) int64, ascending: latents silent for more than `after` hidden states."""
        return (self.silent > after).nonzero().squeeze(1)


def new_state(config: SAEConfig, train: TrainConfig, weights: Weights) -> TrainingState:
    """A state before the first step, around these weights."""
    learned = learned_tensors(config, weights)
    for tensor in learned.values():
        tensor.requires_grad_()
    optimizer = torch.optim.Adam(list(learned.values()), lr=train.learning_rate, fused=True)
    bandwidth = train.bandwidth * config.d_in**0.5
    return TrainingState(
        config=config,
        weights=weights,
        optimizer=optimizer,
        activation=BUILDERS[config.activation](config.k or 0, weights.threshold, bandwidth),
        silent=torch.zeros(config.d_sae, dtype=torch.int64),
        scratch=torch.empty(train.batch_size, config.d_sae),
    )


def learned_tensors(config: SAEConfig, weights: Weights) -> dict[str, Tensor]:
    """What the optimizer changes: all weights, but of the thresholds only jumprelu's."""
    named = weights.named()
    if config.activation != "jumprelu":
        named.pop("threshold", None)
    return named


def run_identity(
    config: SAEConfig, train: TrainConfig, rows: int, reader: Mapping[str, Any]
) -> dict[str, Any]:
    """What must be the same for a run to go on from a checkpoint, as JSON would return it."""
    fields = {**vars(train), **vars(config), "rows": rows, "activations_reader": dict(reader)}
    # How often it is saved does not change what is trained.
    for name in ("checkpoint_steps", "checkpoint_seconds", "scale"):
        del fields[name]
    identity: dict[str, Any] = json.loads(json.dumps(fields, default=dict))
    return identity


def save_checkpoint(out: Path, state: TrainingState, identity: Mapping[str, Any]) -> None:
    """Write the state below `out`, in place of the one before."""
    path = out / CHECKPOINT
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().numpy() for name, tensor in state.weights.named().items()}
    for name, tensor in learned_tensors(state.config, state.weights).items():
        moments = state.optimizer.state[tensor]
        tensors[f"{name}.mean"] = moments["exp_avg"].numpy()
        tensors[f"{name}.square"] = moments["exp_avg_sq"].numpy()
    tensors["silent"] = state.silent.numpy()
    header = {
        "identity": dict(identity),
        "scale": state.config.scale,
        "step": state.step,
        "nmse": state.nmse,
        "l0": state.l0,
    }
    write_tensors(path, tensors, {HEADER: json.dumps(header)})


def load_checkpoint(
    out: Path, config: SAEConfig, train: TrainConfig, identity: Mapping[str, Any]
) -> TrainingState | None:
    """The state of a stopped run below `out`; None if there is none.

    Raises:
        SAEError: the checkpoint is damaged, or was made with other settings or activations.
    """
    path = out / CHECKPOINT
    if not path.exists():
        return None
    header = _header(path)
    differing = {n for n in identity if header["identity"].get(n) != identity[n]}
    if differing:
        name = min(differing)
        raise SAEError(
            f"{path} was made with {name} = {header['identity'].get(name)!r}; wanted "
            f"{identity[name]!r}: use the former settings, another --out, or remove {path.parent}"
        )
    return _restored(path, config, train, header)


def _header(path: Path) -> dict[str, Any]:
    try:
        header: dict[str, Any] = json.loads(read_metadata(path)[HEADER])
        header["identity"].items()
        float(header["scale"]), int(header["step"]), float(header["nmse"]), float(header["l0"])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise SAEError(
            f"{path} is not a checkpoint of this version ({error!r}): remove {path.parent} to "
            "train from the start"
        ) from error
    return header


def _restored(
    path: Path, config: SAEConfig, train: TrainConfig, header: Mapping[str, Any]
) -> TrainingState:
    shapes = weight_shapes(config)
    learned = [name for name in shapes if name != "threshold" or config.activation == "jumprelu"]
    moments = {f"{n}.{kind}": shapes[n] for n in learned for kind in ("mean", "square")}
    stored = read_tensors(path, {**shapes, **moments, "silent": (config.d_sae,)}, ("F32", "I64"))
    tensors = {name: torch.from_numpy(value) for name, value in stored.items()}
    weights = Weights(
        tensors["W_enc"],
        tensors["b_enc"],
        tensors["W_dec"],
        tensors["b_dec"],
        tensors.get("threshold", torch.zeros(0)),
    )
    config = SAEConfig(**{**vars(config), "scale": float(header["scale"])})
    state = new_state(config, train, weights)
    state.silent = tensors["silent"]
    state.step, state.nmse, state.l0 = int(header["step"]), header["nmse"], header["l0"]
    for name, tensor in learned_tensors(config, weights).items():
        state.optimizer.state[tensor] = {
            "step": torch.tensor(float(state.step)),
            "exp_avg": tensors[f"{name}.mean"],
            "exp_avg_sq": tensors[f"{name}.square"],
        }
    return state
