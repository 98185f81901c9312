"""A lean BERT forward pass that keeps the hidden states of chosen layers.

The arithmetic is that of `transformers.BertModel` (tests compare the two); what is left out is
everything that costs time at import and per call, and padding: texts of any length stand one
after the other in the rows of every product, and only attention tells them apart. Every other
architecture goes through `glassdex.sae.huggingface`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

from glassdex.errors import ModelError
from glassdex.sae.batching import TOKENS_PER_BATCH, packed

_DEFAULTS = {"num_hidden_layers": 12, "num_attention_heads": 12, "layer_norm_eps": 1e-12}
"""What a config.json that does not say it means."""


@dataclass(frozen=True, slots=True)
class _Norm:
    weight: Tensor
    bias: Tensor
    eps: float

    def __call__(self, x: Tensor) -> Tensor:
        return layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


@dataclass(frozen=True, slots=True)
class _Linear:
    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


class _Run(NamedTuple):
    """Neighbouring sequences of one length: what attention can take at once."""

    start: int
    sequences: int
    length: int


@dataclass(frozen=True, slots=True)
class _Block:
    """One transformer layer; queries, keys and values come from a single product."""

    heads: int
    qkv: _Linear
    attention_out: _Linear
    attention_norm: _Norm
    up: _Linear
    down: _Linear
    norm: _Norm

    def __call__(self, x: Tensor, runs: Sequence[_Run]) -> Tensor:
        """(n, width) states of whole sequences, one after the other."""
        x = self.attention_norm(x + self.attention_out(self._attend(self.qkv(x), runs)))
        return self.norm(x + self.down(gelu(self.up(x))))

    def _attend(self, qkv: Tensor, runs: Sequence[_Run]) -> Tensor:
        """(n, width): each sequence sees itself alone."""
        width = qkv.shape[1] // 3
        mixed = qkv.new_zeros(len(qkv), width)
        for run in runs:
            rows = slice(run.start, run.start + run.sequences * run.length)
            shape = (run.sequences, run.length, 3, self.heads, width // self.heads)
            q, k, v = qkv[rows].view(shape).permute(2, 0, 3, 1, 4)
            seen = scaled_dot_product_attention(q, k, v)
            mixed[rows] = seen.transpose(1, 2).reshape(-1, width)
        return mixed


@dataclass(frozen=True, slots=True)
class Bert:
    """Token ids to hidden states, computed in the format of the weights."""

    words: Tensor
    positions: Tensor
    norm: _Norm
    blocks: tuple[_Block, ...]

    @property
    def width(self) -> int:
        """Dimension of the hidden states."""
        return int(self.words.shape[1])

    @property
    def n_layers(self) -> int:
        """Number of transformer layers; hidden state 0 is the embedding before the first."""
        return len(self.blocks)

    @property
    def _size(self) -> int:
        """Tokens of one pass."""
        return max(TOKENS_PER_BATCH, len(self.positions))

    def groups(self, lengths: Sequence[int]) -> Iterable[Sequence[int]]:
        """Sequences to be read together: as many as fill a pass, without padding."""
        return packed(lengths, self._size)

    @torch.inference_mode()
    def hidden_states(
        self, sequences: Sequence[Sequence[int]], layers: Collection[int], *, fixed: bool = True
    ) -> dict[int, Tensor]:
        """States after the given layers, as in `glassdex.sae.reader.Encoder`."""
        lengths = [len(sequence) for sequence in sequences]
        n = sum(lengths)
        spare = [0] * (max(0, self._size - n) if fixed else 0)
        ids = torch.tensor([*chain.from_iterable(sequences), *spare])
        positions = torch.tensor([*chain.from_iterable(map(range, lengths)), *spare])
        x = self.norm(self.words[ids] + self.positions[positions])
        runs = _runs(lengths)
        found = {0: x[:n].float()} if 0 in layers else {}
        for number, block in enumerate(self.blocks[: max(layers)], start=1):
            x = block(x, runs)
            if number in layers:
                found[number] = x[:n].float()
        return found

    @classmethod
    def load(
        cls, folder: Path, config: Mapping[str, Any], dtype: torch.dtype = torch.float32
    ) -> Self:
        """Read `model.safetensors` of a BERT checkpoint, into weights of this format.

        Raises ModelError when the file is missing or truncated, or a tensor is missing.
        """
        try:
            tensors = load_file(folder / "model.safetensors")
            return cls._assemble(_Weights(tensors, dtype), {**_DEFAULTS, **config})
        except (SafetensorError, OSError) as error:
            raise ModelError(
                f"cannot read the reader's weights {folder / 'model.safetensors'}: {error}; copy "
                "or download the checkpoint again"
            ) from error
        except KeyError as error:
            raise ModelError(
                f"{folder / 'model.safetensors'} has no tensor {error.args[0]!r}, which a BERT "
                "checkpoint must have: copy or download it again"
            ) from None

    @classmethod
    def _assemble(cls, weights: "_Weights", config: Mapping[str, Any]) -> Self:
        eps = float(config["layer_norm_eps"])
        types = weights["embeddings.token_type_embeddings.weight"][0]
        return cls(
            words=weights["embeddings.word_embeddings.weight"],
            positions=weights["embeddings.position_embeddings.weight"] + types,
            norm=weights.norm("embeddings.LayerNorm", eps),
            blocks=tuple(
                _block(weights, f"encoder.layer.{n}.", int(config["num_attention_heads"]), eps)
                for n in range(int(config["num_hidden_layers"]))
            ),
        )


def _runs(lengths: Sequence[int]) -> list[_Run]:
    runs: list[_Run] = []
    start = 0
    for length, same in groupby(lengths):
        runs.append(_Run(start, len(list(same)), length))
        start += runs[-1].sequences * length
    return runs


class _Weights:
    """Tensors of a checkpoint by name, in one format.

    Checkpoints with a task's head have `bert.` before each name; old ones call the weight and
    bias of a norm `gamma` and `beta`.
    """

    def __init__(self, tensors: Mapping[str, Tensor], dtype: torch.dtype) -> None:
        self._tensors = {_plain_name(name): tensor for name, tensor in tensors.items()}
        self._dtype = dtype

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name].to(self._dtype)

    def linear(self, *names: str) -> _Linear:
        """One product that computes several linear maps at once."""
        return _Linear(
            torch.cat([self[f"{name}.weight"] for name in names]),
            torch.cat([self[f"{name}.bias"] for name in names]),
        )

    def norm(self, name: str, eps: float) -> _Norm:
        return _Norm(self[f"{name}.weight"], self[f"{name}.bias"], eps)


def _plain_name(name: str) -> str:
    name = name.removeprefix("bert.").replace("LayerNorm.gamma", "LayerNorm.weight")
    return name.replace("LayerNorm.beta", "LayerNorm.bias")


def _block(weights: _Weights, prefix: str, heads: int, eps: float) -> _Block:
    attention = f"{prefix}attention.self."
    return _Block(
        heads=heads,
        qkv=weights.linear(f"{attention}query", f"{attention}key", f"{attention}value"),
        attention_out=weights.linear(f"{prefix}attention.output.dense"),
        attention_norm=weights.norm(f"{prefix}attention.output.LayerNorm", eps),
        up=weights.linear(f"{prefix}intermediate.dense"),
        down=weights.linear(f"{prefix}output.dense"),
        norm=weights.norm(f"{prefix}output.LayerNorm", eps),
    )
