"""A lean BERT forward pass that keeps the hidden states of chosen layers.

The arithmetic is that of `transformers.BertModel` (tests compare the two); what is left out is
everything that costs time at import and per call. Every other architecture goes through
`glassdex.sae.huggingface`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

from glassdex.errors import ModelError

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

    def __call__(self, x: Tensor, mask: Tensor | None) -> Tensor:
        batch, length, width = x.shape
        q, k, v = (
            self.qkv(x)
            .view(batch, length, 3, self.heads, width // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        mixed = scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = self.attention_norm(
            x + self.attention_out(mixed.transpose(1, 2).reshape(batch, length, width))
        )
        return self.norm(x + self.down(gelu(self.up(x))))


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

    @torch.inference_mode()
    def hidden_states(
        self, ids: Tensor, mask: Tensor, layers: Collection[int]
    ) -> dict[int, Tensor]:
        """Hidden states after the given layers.

        ids: (batch, length) int64; mask: (batch, length) bool, True where there is a token.
        Returns layer number to (batch, length, width) float32. Rows of padding are undefined.
        """
        x = self.norm(self.words[ids] + self.positions[: ids.shape[1]])
        attend = None if bool(mask.all()) else mask[:, None, None, :]
        found = {0: x.float()} if 0 in layers else {}
        for number, block in enumerate(self.blocks[: max(layers)], start=1):
            x = block(x, attend)
            if number in layers:
                found[number] = x.float()
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
