"""Activations on disk: `activations.json` beside `shard-00000.safetensors`, `shard-00001...`.

Each shard holds one tensor "activations" of shape (rows, d_in), float16. The JSON file is
written after the shard it counts, so what it lists is whole; a shard it does not list is the
rest of a killed run and is overwritten.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from glassdex.errors import SAEError
from glassdex.sae.files import read_json, read_tensors, write_json, write_tensors

INDEX = "activations.json"
TENSOR = "activations"
FORMAT = 1


@dataclass(frozen=True)
class Shard:
    """One file of activations."""

    path: Path
    rows: int
    """Hidden states in it."""


@dataclass(frozen=True)
class ShardFolder:
    """What `activations.json` says, checked."""

    folder: Path
    d_in: int
    """Width of a hidden state."""

    shards: tuple[Shard, ...]
    reader: Mapping[str, Any]
    """What the hidden states were read with: model, revision, layer, ... (opaque here)."""

    progress: Mapping[str, Any] | None
    """What the writer's caller stored with the last whole shard."""

    @property
    def rows(self) -> int:
        """Hidden states in all shards."""
        return sum(shard.rows for shard in self.shards)

    def blocks(self, rows: int) -> Iterator[npt.NDArray[np.float32]]:
        """All hidden states in the order written, as (at most `rows`, d_in) float32."""
        for shard in self.shards:
            stored = read_shard(shard, self.d_in)
            for start in range(0, shard.rows, rows):
                yield stored[start : start + rows].astype(np.float32)

    def split(self, held_out: int) -> tuple["ShardFolder", "ShardFolder"]:
        """The folder without its last shards, and those: at least `held_out` rows.

        Whole shards are held out, so no document of one side is on the other except where
        one was cut by the border.

        Raises:
            SAEError: nothing would be left to train on.
        """
        cut, rows = len(self.shards), 0
        while cut > 0 and rows < held_out:
            cut -= 1
            rows += self.shards[cut].rows
        if cut == 0:
            raise SAEError(
                f"{self.folder}: holding out {held_out} of {self.rows} rows leaves no shard to "
                f"train on (there are {len(self.shards)}): hold out less or write smaller shards"
            )
        return self._with(self.shards[:cut]), self._with(self.shards[cut:])

    def _with(self, shards: tuple[Shard, ...]) -> "ShardFolder":
        return ShardFolder(self.folder, self.d_in, shards, self.reader, self.progress)


def shard_path(folder: Path, number: int) -> Path:
    """File of the shard with this number, from 0."""
    return folder / f"shard-{number:05d}.safetensors"


def open_shards(folder: Path) -> ShardFolder:
    """Read and check `activations.json`; the shards themselves are read when they are used.

    Raises:
        SAEError: the file is missing or malformed, or a shard it lists is not there.
    """
    path = folder / INDEX
    index = read_json(path)
    if index.get("format") != FORMAT:
        raise SAEError(
            f"{path}: format {index.get('format')!r}; this version reads format {FORMAT}: write "
            "the activations again, or use the version of glassdex that wrote them"
        )
    counts, d_in = index.get("shards"), index.get("d_in")
    if not (isinstance(counts, list) and all(isinstance(n, int) and n > 0 for n in counts)):
        raise SAEError(f"{path}: 'shards' is {counts!r}; wanted the rows of each shard, from 1")
    if not (isinstance(d_in, int) and d_in > 0):
        raise SAEError(f"{path}: 'd_in' is {d_in!r}; wanted the width of a hidden state, from 1")
    shards = tuple(Shard(shard_path(folder, number), rows) for number, rows in enumerate(counts))
    for shard in shards:
        if not shard.path.is_file():
            raise SAEError(
                f"{shard.path} is missing; {INDEX} lists {len(shards)} shards: copy the folder "
                "again or write it anew"
            )
    return ShardFolder(folder, d_in, shards, index.get("reader") or {}, index.get("progress"))


def read_shard(shard: Shard, d_in: int) -> npt.NDArray[np.float16]:
    """The (rows, d_in) float16 activations of one shard.

    Raises:
        SAEError: the file is missing, truncated, of another shape, or holds NaN or infinity.
    """
    tensors = read_tensors(shard.path, {TENSOR: (shard.rows, d_in)})
    return tensors[TENSOR].astype(np.float16, copy=False)


class ShardWriter:
    """Appends hidden states to a folder of shards; run again after a kill, it goes on.

    A shard is cut at the end of the `append` that fills it, never inside one: the `progress`
    given with that call says exactly what the folder holds. Memory: one shard of float16,
    twice while it is written.
    """

    def __init__(
        self,
        folder: Path,
        d_in: int,
        *,
        reader: Mapping[str, Any],
        rows_per_shard: int = 131_072,
    ) -> None:
        """Open `folder`, new or from an earlier run.

        Args:
            folder: made if it is not there.
            d_in: width of a hidden state.
            reader: what the hidden states are read with; must be JSON.
            rows_per_shard: rows from which a shard is written.

        Raises:
            SAEError: the folder holds activations of another width or reader.
        """
        if rows_per_shard < 1 or d_in < 1:
            raise SAEError(
                f"rows_per_shard is {rows_per_shard} and d_in {d_in}; wanted both from 1 up"
            )
        self._folder, self._d_in, self._rows_per_shard = folder, d_in, rows_per_shard
        self._reader = json.loads(json.dumps(reader))  # as it will be read back
        self._counts: list[int] = []
        self._progress: Mapping[str, Any] | None = None
        self._waiting: list[npt.NDArray[np.float16]] = []
        self._waiting_rows = 0
        self._waiting_progress: Mapping[str, Any] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / INDEX).exists():
            self._resume(open_shards(folder))

    @property
    def rows(self) -> int:
        """Rows in whole shards: what a killed run keeps."""
        return sum(self._counts)

    @property
    def progress(self) -> Mapping[str, Any] | None:
        """What was stored with the last whole shard; None in a new folder."""
        return self._progress

    def append(
        self, activations: npt.NDArray[np.floating[Any]], progress: Mapping[str, Any] | None = None
    ) -> None:
        """Add hidden states.

        Args:
            activations: (rows, d_in), any float dtype; stored as float16.
            progress: JSON that says what the caller has done up to and with these rows, e.g.
                the number of texts read; comes back as `progress` after a kill.

        Raises:
            SAEError: another width, or a value that float16 cannot hold.
        """
        if activations.ndim != 2 or activations.shape[1] != self._d_in:
            raise SAEError(
                f"activations have shape {activations.shape}; wanted (rows, {self._d_in})"
            )
        with np.errstate(over="ignore"):
            # A copy, so that the caller may reuse its buffer.
            half = activations.astype(np.float16, copy=True)
        if not np.isfinite(half).all():
            raise SAEError(
                "activations hold a value that is NaN, infinite or beyond float16 (65,504); "
                "wanted finite hidden states: read another layer or drop such tokens"
            )
        self._waiting.append(half)
        self._waiting_rows += len(half)
        self._waiting_progress = progress
        if self._waiting_rows >= self._rows_per_shard:
            self._write_shard()

    def close(self) -> None:
        """Write the rows that wait as the last, smaller shard."""
        if self._waiting_rows:
            self._write_shard()
        elif not (self._folder / INDEX).exists() or self._waiting_progress is not None:
            self._write_index()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # After an error only whole shards stay, as after a kill.
        if kind is None:
            self.close()

    def _resume(self, found: ShardFolder) -> None:
        if found.d_in != self._d_in or dict(found.reader) != self._reader:
            raise SAEError(
                f"{self._folder} holds activations of width {found.d_in} from reader "
                f"{dict(found.reader)}; wanted width {self._d_in} from {self._reader}: use "
                "another folder, or remove this one"
            )
        self._counts = [shard.rows for shard in found.shards]
        self._progress = found.progress

    def _write_shard(self) -> None:
        rows = np.concatenate(self._waiting)
        write_tensors(shard_path(self._folder, len(self._counts)), {TENSOR: rows})
        self._counts.append(len(rows))
        self._waiting, self._waiting_rows = [], 0
        self._write_index()

    def _write_index(self) -> None:
        if self._waiting_progress is not None:
            self._progress, self._waiting_progress = self._waiting_progress, None
        write_json(
            self._folder / INDEX,
            {
                "format": FORMAT,
                "d_in": self._d_in,
                "tokens": self.rows,
                "shards": self._counts,
                "reader": self._reader,
                "progress": self._progress,
            },
        )
