"""The SAE folder: `config.json`, `sae.safetensors` and, once labelled, `latents.parquet`.

config.json is removed first and written last, and names the SHA-256 of the weights: a folder is
a whole SAE or is refused, whenever the writer was killed. Nothing in it can run code.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from glassdex.errors import SAEError
from glassdex.sae.autoencoder import SparseAutoencoder, Weights, weight_shapes
from glassdex.sae.config import SAEConfig
from glassdex.sae.files import read_json, read_tensors, sync, write_json, write_tensors

CONFIG = "config.json"
WEIGHTS = "sae.safetensors"
FORMAT = 1


def save(
    folder: Path, sae: SparseAutoencoder, dtype: Literal["float16", "float32"] = "float16"
) -> SparseAutoencoder:
    """Write an SAE folder, in place of an SAE that is there.

    Args:
        folder: made if it is not there; other files in it stay.
        sae: what to write.
        dtype: precision of the weights on disk.

    Returns:
        The SAE as `load` gives it back: with its weights rounded to `dtype`.

    Raises:
        SAEError: a weight is not finite in `dtype`.
    """
    tensors = {name: _stored(name, t, dtype) for name, t in sae.weights.named().items()}
    rounded = SparseAutoencoder(sae.config, _weights(tensors))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).unlink(missing_ok=True)
    sync(folder)
    write_tensors(folder / WEIGHTS, tensors)
    fields = {**vars(sae.config), "matryoshka": list(sae.config.matryoshka)}
    fields |= {"reader": dict(sae.config.reader), "recipe": dict(sae.config.recipe)}
    write_json(
        folder / CONFIG, {"format": FORMAT, **fields, "weights_sha256": rounded.weights_sha256}
    )
    return rounded


def load(folder: Path) -> SparseAutoencoder:
    """Read an SAE folder, with every tensor as float32.

    Raises:
        SAEError: a file is missing, truncated or of another format version; a tensor is
            missing, or has another shape or dtype, or holds NaN; or the weights are not those
            that config.json was written with.
    """
    config, sha256 = load_config(folder)
    tensors = read_tensors(folder / WEIGHTS, weight_shapes(config))
    try:
        sae = SparseAutoencoder(config, _weights(tensors))
    except SAEError as error:
        raise SAEError(f"{folder / WEIGHTS}: {error}") from error
    if sae.weights_sha256 != sha256:
        raise SAEError(
            f"{folder / WEIGHTS} has SHA-256 {sae.weights_sha256}; {CONFIG} wants {sha256}: one "
            "of the two files was changed or damaged, copy the folder again"
        )
    return sae


def load_config(folder: Path) -> tuple[SAEConfig, str]:
    """The configuration in an SAE folder and the SHA-256 its weights must have.

    Raises:
        SAEError: the file is missing or malformed, or of another format version.
    """
    path = folder / CONFIG
    fields = read_json(path)
    if fields.pop("format", None) != FORMAT:
        raise SAEError(
            f"{path}: format {read_json(path).get('format')!r}; this version reads format "
            f"{FORMAT}: update glassdex, or bring a foreign SAE in with import-sae"
        )
    sha256 = str(fields.pop("weights_sha256", None))
    return _config(path, fields), sha256


def _config(path: Path, fields: dict[str, Any]) -> SAEConfig:
    try:
        return SAEConfig(**{**fields, "matryoshka": tuple(fields.get("matryoshka", ()))})
    except (TypeError, SAEError) as error:
        raise SAEError(f"{path}: {error}: copy the folder again or correct the field") from error


def _stored(name: str, tensor: torch.Tensor, dtype: str) -> np.ndarray[Any, Any]:
    with np.errstate(over="ignore"):
        values = tensor.detach().numpy().astype(dtype)
    if not np.isfinite(values).all():
        raise SAEError(
            f"tensor '{name}' holds values that are not finite in {dtype}; wanted finite numbers: "
            "save as float32, or train anew if it diverged"
        )
    return values


def _weights(tensors: dict[str, np.ndarray[Any, Any]]) -> Weights:
    def read(name: str) -> torch.Tensor:
        return torch.from_numpy(tensors[name].astype(np.float32))

    threshold = read("threshold") if "threshold" in tensors else torch.zeros(0)
    return Weights(read("W_enc"), read("b_enc"), read("W_dec"), read("b_dec"), threshold)
