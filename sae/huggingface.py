"""Hidden states of any Hugging Face encoder, through `transformers`."""

from collections.abc import Collection
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModel

from glassdex.errors import ModelError


class HuggingFaceEncoder:
    """An `AutoModel` read in float32; no code from the model's repository is ever run."""

    def __init__(self, folder: Path) -> None:
        try:
            model = AutoModel.from_pretrained(
                folder, dtype=torch.float32, trust_remote_code=False, use_safetensors=True
            )
        except (OSError, ValueError) as error:
            raise ModelError(f"cannot load the reader in {folder}: {error}") from error
        self._model = model.eval()

    @property
    def width(self) -> int:
        """Dimension of the hidden states."""
        return int(self._model.config.hidden_size)

    @property
    def n_layers(self) -> int:
        """Number of transformer layers."""
        return int(self._model.config.num_hidden_layers)

    @torch.inference_mode()
    def hidden_states(
        self, ids: Tensor, mask: Tensor, layers: Collection[int]
    ) -> dict[int, Tensor]:
        """Hidden states after the given layers, as in `glassdex.sae.bert.Bert`."""
        output = self._model(input_ids=ids, attention_mask=mask.long(), output_hidden_states=True)
        return {layer: output.hidden_states[layer] for layer in layers}
