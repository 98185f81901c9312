"""What the embedded engine's failures mean: it raises bare exceptions that differ by text only."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glassdex.errors import GlassdexError, StoreBusyError, StoreError, StoreFullError


@contextmanager
def engine_errors(folder: Path) -> Iterator[None]:
    """Turn whatever the engine or the file system raises into one StoreError with one line."""
    try:
        yield
    except GlassdexError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__module__ != _PANICS:
            raise
        raise _translated(error, folder) from error


_PANICS = "pyo3_runtime"
"""Module of the exception, no kind of Exception, that a panic of the engine turns into."""


def _translated(error: BaseException, folder: Path) -> StoreError:
    text = " ".join(str(error).split())
    if "WouldBlock" in text:
        return StoreBusyError(
            f"the index in {folder} is open already, here or in another process: close that one, "
            "or keep the index on a Qdrant server and give its address with --url"
        )
    if is_disk_full(error):
        return full(folder)
    return StoreError(f"the index in {folder} failed: {text or type(error).__name__}")


def is_disk_full(error: BaseException) -> bool:
    """Whether `error` says that no space is left."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return True
    return "No space left on device" in str(error) or "StorageFull" in str(error)


def full(folder: Path) -> StoreFullError:
    """The error for a full disk."""
    return StoreFullError(
        f"the disk that holds {folder} is full: free some space and run the command again; "
        "everything flushed before is safe"
    )
