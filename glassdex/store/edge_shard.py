"""The embedded engine's handle, safe to use from several threads while it is exchanged."""

import ctypes
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import qdrant_edge as edge

from glassdex.errors import GlassdexError, StoreError
from glassdex.store.edge_config import index_operations, loading_config, searching_config
from glassdex.store.edge_errors import engine_errors, full
from glassdex.store.edge_folder import IndexFolder
from glassdex.store.locks import SharedLock
from glassdex.store.types import StoreSchema

RESERVE = 64 * 2**20
"""Bytes kept free on the disk.

The engine writes through memory maps: on a full disk the process dies of SIGBUS, with no
error to catch, and dies again when it opens the index. So space is checked before.
"""


class Shard:
    """The engine opened on one folder. Every method raises StoreError, never the engine's own."""

    def __init__(self, folder: IndexFolder, engine: edge.EdgeShard) -> None:
        self._folder = folder
        self._engine = engine
        self._lock = SharedLock()
        self._closed = False

    @classmethod
    def create(cls, folder: IndexFolder, schema: StoreSchema) -> "Shard":
        """A new, empty shard; what a creation that was killed left behind is removed."""
        with engine_errors(folder.path):
            folder.path.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(folder.shard, ignore_errors=True)
            require_space(folder, 0)
            engine = edge.EdgeShard.create(str(folder.shard), loading_config(schema))
            for operation in index_operations():
                engine.update(operation)
            engine.flush()
        return cls(folder, engine)

    @classmethod
    def load(cls, folder: IndexFolder) -> "Shard":
        """The shard in `folder`, as it is configured there."""
        with engine_errors(folder.path):
            require_space(folder, 0)
            return cls(folder, edge.EdgeShard.load(str(folder.shard)))

    @contextmanager
    def engine(self) -> Iterator[edge.EdgeShard]:
        """The engine, for one call or a few."""
        with self._lock.shared(), engine_errors(self._folder.path):
            if self._closed:
                raise StoreError(f"the index in {self._folder.path} was closed: open it again")
            yield self._engine

    def compact(self) -> None:
        """Seal the open segment, merge what may be merged, and return the memory it took."""
        with self.engine() as engine:
            engine.optimize()
            engine.flush()  # only then does the engine let go of the segments it replaced
        _return_free_memory()

    def reconfigure(self, schema: StoreSchema) -> None:
        """Switch to the configuration for searching; `compact` then applies it."""
        with self._lock.exclusive(), engine_errors(self._folder.path):
            self._engine.close()
            self._engine = edge.EdgeShard.load(str(self._folder.shard), searching_config(schema))

    def close(self) -> None:
        """Release the folder."""
        with self._lock.exclusive(), engine_errors(self._folder.path):
            self._closed = True
            self._engine.close()


@contextmanager
def closing_on_error(shard: Shard) -> Iterator[None]:
    """Release the folder if what follows fails."""
    try:
        yield
    except GlassdexError:
        shard.close()
        raise


def require_space(folder: IndexFolder, needed: int) -> None:
    """Raise StoreFullError unless `needed` bytes and the reserve are free."""
    if shutil.disk_usage(folder.path).free < needed + RESERVE:
        raise full(folder.path)


def _return_free_memory() -> None:
    """Hand memory freed by sealing back to the system, which glibc would keep for reuse.

    Sealing needs most memory of all; without this the process stays at the largest peak.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        return  # another C library: it decides itself
