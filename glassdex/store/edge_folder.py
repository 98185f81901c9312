"""The folder of an embedded index: `store.json` beside the engine's own data in `shard/`."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from glassdex.errors import IndexMissingError, StoreError
from glassdex.store.edge_errors import engine_errors
from glassdex.store.types import StoreSchema

FORMAT = 1
"""Version of the folder's layout."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `store.json` holds.

    rewritten: whether a point was ever replaced or deleted. The engine still counts such
    points in its document frequencies, so that it must be told to count afresh.
    unsealed: weight of the points in the open segment, as of the last flush.
    graph: whether the engine is configured for searching a large index.
    """

    schema: StoreSchema
    metadata: Mapping[str, Any] = field(default_factory=dict)
    rewritten: bool = False
    unsealed: int = 0
    graph: bool = False

    def to_json(self) -> dict[str, Any]:
        """As written to the file."""
        return {
            "format": FORMAT,
            "schema": self.schema.to_json(),
            "metadata": dict(self.metadata),
            "rewritten": self.rewritten,
            "unsealed": self.unsealed,
            "graph": self.graph,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """What `to_json` wrote. Raises KeyError, TypeError or ValueError on anything else."""
        return cls(
            schema=StoreSchema.from_json(raw["schema"]),
            metadata=dict(raw["metadata"]),
            rewritten=bool(raw["rewritten"]),
            unsealed=int(raw["unsealed"]),
            graph=bool(raw["graph"]),
        )


@dataclass(frozen=True, slots=True)
class IndexFolder:
    """Where one embedded index lives."""

    path: Path

    @property
    def manifest(self) -> Path:
        """The file that makes the folder an index; written last, removed first."""
        return self.path / "store.json"

    @property
    def shard(self) -> Path:
        """The engine's own folder."""
        return self.path / "shard"

    def exists(self) -> bool:
        """Whether an index is there."""
        return self.manifest.is_file()

    def read(self) -> Manifest:
        """The manifest. Raises IndexMissingError, or StoreError on an unreadable file."""
        if not self.exists():
            raise IndexMissingError(
                f"there is no index at {self.path} ({self._beside()}): make one with "
                "`glassdex index`"
            )
        try:
            raw = json.loads(self.manifest.read_text("utf-8"))
            version = raw["format"]
            manifest = Manifest.from_json(raw) if version == FORMAT else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(
                f"cannot read {self.manifest} ({type(error).__name__}: {error}): restore the "
                "file or index again"
            ) from error
        if manifest is None:
            raise StoreError(
                f"{self.manifest} has format {version!r}, this version reads {FORMAT}: "
                "export with the version that wrote it"
            )
        return manifest

    def write(self, manifest: Manifest) -> None:
        """Replace the manifest atomically and durably."""
        temporary = self.path / f".store-{uuid4().hex}.json"
        with engine_errors(self.path):
            try:
                with temporary.open("w", encoding="utf-8") as file:
                    json.dump(manifest.to_json(), file, indent=1)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(self.manifest)
            finally:
                temporary.unlink(missing_ok=True)
            _sync_folder(self.path)

    def remove(self) -> None:
        """Delete the index; other files in the folder stay."""
        with engine_errors(self.path):
            self.manifest.unlink()
            shutil.rmtree(self.shard)
            if not any(self.path.iterdir()):
                self.path.rmdir()

    def size(self) -> int:
        """Bytes the folder takes up on disk; sparse files count what they hold."""
        return sum(map(_allocated, self.path.rglob("*")))

    def _beside(self) -> str:
        if not self.path.parent.is_dir():
            return f"not even the folder {self.path.parent}"
        others = sorted(p.parent.name for p in self.path.parent.glob("*/store.json"))
        return f"beside it: {', '.join(others[:20])}" if others else "and no other beside it"


def _allocated(path: Path) -> int:
    try:
        stat = path.stat()
    except FileNotFoundError:  # the engine replaces segments while we look
        return 0
    return stat.st_blocks * 512 if hasattr(stat, "st_blocks") else stat.st_size


def _sync_folder(path: Path) -> None:
    """Make a rename inside `path` survive a power failure, where folders can be synced."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
