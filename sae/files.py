"""Files that are either whole or absent: JSON and safetensors, written aside and renamed."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from glassdex.errors import SAEError

Array: TypeAlias = npt.NDArray[Any]

FLOATS = ("F16", "F32")
"""The safetensors dtypes that weights and activations may have on disk."""


def sync(path: Path) -> None:
    """Force a file, or the list of names in a folder, onto the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(temporary: Path, path: Path) -> None:
    """Move a finished file onto its name; a crash leaves the old file or the new one."""
    sync(temporary)
    temporary.replace(path)
    sync(path.parent)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write one JSON object atomically, with sorted keys."""
    temporary = path.with_name(path.name + ".tmp")
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    temporary.write_text(text + "\n", encoding="utf-8")
    replace(temporary, path)


def read_json(path: Path) -> dict[str, Any]:
    """Read one JSON object.

    Raises:
        SAEError: the file is missing, is not JSON, or holds something else than an object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SAEError(
            f"{path} is missing; wanted the file that {path.parent} was written with: check "
            "the path or write the folder again"
        ) from error
    except (OSError, ValueError) as error:
        raise SAEError(
            f"{path} is not readable JSON ({error}); wanted one JSON object: copy or write the "
            "folder again"
        ) from error
    if not isinstance(value, dict):
        raise SAEError(
            f"{path} holds a {type(value).__name__}; wanted one JSON object: copy or write the "
            "folder again"
        )
    return value


def write_tensors(
    path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a safetensors file atomically, with strings in its header if any are given."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.touch()
    mode = temporary.stat().st_mode
    contiguous = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    save_file(contiguous, temporary, dict(metadata) if metadata else None)
    temporary.chmod(mode)  # save_file leaves it readable by its owner alone
    replace(temporary, path)


def read_metadata(path: Path) -> dict[str, str]:
    """The strings in a safetensors file's header.

    Raises:
        SAEError: the file is missing or truncated.
    """
    with _opened(path) as file:
        return dict(file.metadata() or {})  # type: ignore[no-untyped-call]


def read_tensors(
    path: Path, shapes: Mapping[str, Sequence[int]], dtypes: Sequence[str] = FLOATS
) -> dict[str, Array]:
    """Read the named tensors of a safetensors file as they are stored.

    Args:
        path: the file.
        shapes: shape wanted of each tensor; other tensors of the file are not read.
        dtypes: the safetensors names of the dtypes allowed.

    Raises:
        SAEError: the file is missing or truncated; a tensor is missing, has another shape,
            or another dtype, or holds NaN or infinity.
    """
    with _opened(path) as file:
        for name, shape in shapes.items():
            _check_header(path, file, name, shape, dtypes)
        return {name: _finite(path, file, name) for name in shapes}


@contextmanager
def _opened(path: Path) -> Iterator[safe_open]:
    try:
        with safe_open(path, framework="np") as file:
            yield file
    except FileNotFoundError as error:
        raise SAEError(
            f"{path} is missing; wanted a safetensors file: check the path or write the folder "
            "again"
        ) from error
    except (OSError, SafetensorError) as error:
        raise SAEError(
            f"{path} is not a whole safetensors file ({error}); it was truncated or is of "
            "another kind: copy it again"
        ) from error


def _check_header(
    path: Path, file: safe_open, name: str, shape: Sequence[int], dtypes: Sequence[str]
) -> None:
    stored = set(file.keys())  # type: ignore[no-untyped-call]
    if name not in stored:
        raise SAEError(
            f"{path}: tensor '{name}' is missing; the file holds {', '.join(sorted(stored))}: "
            "wanted a file written by glassdex (other formats go through import-sae)"
        )
    header: Any = file.get_slice(name)  # type: ignore[no-untyped-call]
    if header.get_dtype() not in dtypes:
        raise SAEError(
            f"{path}: tensor '{name}' has dtype {header.get_dtype()}; wanted "
            f"{' or '.join(dtypes)}: convert it"
        )
    if tuple(header.get_shape()) != tuple(shape):
        raise SAEError(
            f"{path}: tensor '{name}' has shape {tuple(header.get_shape())}; wanted "
            f"{tuple(shape)}: the JSON beside it belongs to other values"
        )


def _finite(path: Path, file: safe_open, name: str) -> Array:
    values: Array = file.get_tensor(name)  # type: ignore[no-untyped-call]
    bad = values.size - int(np.isfinite(values).sum())
    if bad:
        raise SAEError(
            f"{path}: tensor '{name}' holds {bad} NaN or infinite values of {values.size}; "
            "wanted finite numbers: the file is damaged or its training diverged"
        )
    return values
