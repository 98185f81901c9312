"""Loops that NumPy and torch have no product for, compiled by numba.

Kernels release the interpreter's lock and run on the calling thread: what is parallel is decided
by `glassdex.sae.workers`. Each is compiled at its first use on a machine and then kept in the
user's cache folder.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from platformdirs import user_cache_path

F = TypeVar("F", bound=Callable[..., Any])

_FREE = {"reassoc", "contract", "nsz"}
"""Sums may be reordered, to be computed in lanes; always in the same order on one machine."""


def kernel(function: F) -> F:
    """Compile a function of arrays and numbers."""
    return cast("F", numba.njit(cache=True, nogil=True, fastmath=_FREE)(function))


def _cache_folder() -> Path:
    """A folder for just these sources: numba notices a changed kernel, but not a changed kernel
    that it calls."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        source = path.read_bytes()
        if b"glassdex.sae.jit" in source:
            digest.update(source)
    return user_cache_path("glassdex") / "kernels" / digest.hexdigest()[:16]


if "NUMBA_CACHE_DIR" not in os.environ:
    setattr(numba.config, "CACHE_DIR", str(_cache_folder()))  # noqa: B010 - unknown to its types
