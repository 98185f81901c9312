"""Hidden states of any Hugging Face encoder, through `transformers`."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoModel

from glassdex.errors import ModelError
from glassdex.sae.batching import by_length, padded, rows_of

_UNUSED = ("pooler.",)
"""Parts that no hidden state depends on: many checkpoints come without them."""


class HuggingFaceEncoder:
    """An `AutoModel` read in float32; no code from the model's repository is ever run.

    Of a model with an encoder and a decoder, the encoder is read.
    """

    def __init__(self, folder: Path, window: int) -> None:
        """Load the model in `folder`, which takes sequences of at most `window` tokens.

        Raises ModelError when its weights are missing, damaged or not all there, or when its
        kind is unknown to the installed `transformers`.
        """
        try:
            model, info = AutoModel.from_pretrained(
                folder,
                dtype=torch.float32,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
            )
        except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
            raise ModelError(f"cannot load the reader in {folder}: {error}") from error
        # transformers fills what is missing with random numbers.
        missing = sorted(n for n in info["missing_keys"] if not n.startswith(_UNUSED))
        if missing:
            raise ModelError(
                f"the weights in {folder} lack {len(missing)} tensors, e.g. {missing[0]!r}: the "
                "checkpoint is incomplete or its config.json belongs to another model"
            )
        if model.config.is_encoder_decoder:
            model = model.get_encoder()
        self._model = model.eval()
        self._window = window

    @property
    def width(self) -> int:
        """Dimension of the hidden states."""
        return int(self._model.config.hidden_size)

    @property
    def n_layers(self) -> int:
        """Number of transformer layers."""
        return int(self._model.config.num_hidden_layers)

    def groups(self, lengths: Sequence[int]) -> Iterable[Sequence[int]]:
        """Sequences to be read together: of about the same length."""
        return by_length(lengths, self._window)

    @torch.inference_mode()
    def hidden_states(
        self, sequences: Sequence[Sequence[int]], layers: Collection[int], *, fixed: bool = True
    ) -> dict[int, Tensor]:
        """States after the given layers, as in `glassdex.sae.reader.Encoder`."""
        rows, length = len(sequences), max(map(len, sequences))
        if fixed:
            length = padded(length, self._window)
            rows = rows_of(length)
        ids = torch.zeros((rows, length), dtype=torch.int64)
        there = torch.zeros((rows, length), dtype=torch.bool)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = torch.tensor(sequence)
            there[row, : len(sequence)] = True
        mask = there.long()
        mask[:, 0] = 1  # a row without any token would attend to nothing
        output = self._model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        return {layer: output.hidden_states[layer][there] for layer in layers}
