"""A shuffled stream of hidden states that can start at any step.

Rows are shuffled in two levels: the order of the shards, then all rows of a window of a few
shards. Every choice follows from the seed, the epoch and the window, so a stream that starts at
step n gives exactly what an uninterrupted one gives from there, and reads nothing before it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from glassdex.errors import SAEError
from glassdex.sae.shards import Shard, ShardFolder, read_shard

Rows = npt.NDArray[np.float32]

WINDOW_SHARDS = 4
"""Shards whose rows are mixed, and that are in memory, at a time."""


class ActivationSource(Protocol):
    """What an SAE can be trained on."""

    @property
    def d_in(self) -> int:
        """Width of a hidden state."""

    @property
    def rows(self) -> int:
        """Hidden states in one epoch."""

    @property
    def reader(self) -> Mapping[str, Any]:
        """What they were read with."""

    def batches(
        self, batch_size: int, *, epochs: int, seed: int, start_step: int = 0
    ) -> Iterator[Rows]:
        """Shuffled (batch_size, d_in) float32 batches: `epochs * rows // batch_size` in all."""


@dataclass(frozen=True)
class ShardSource:
    """Activations of a shard folder. Memory: the shards of one window, float16."""

    folder: ShardFolder
    window_shards: int = WINDOW_SHARDS

    @property
    def d_in(self) -> int:
        """Width of a hidden state."""
        return self.folder.d_in

    @property
    def rows(self) -> int:
        """Hidden states in one epoch."""
        return self.folder.rows

    @property
    def reader(self) -> Mapping[str, Any]:
        """What they were read with."""
        return self.folder.reader

    def batches(
        self, batch_size: int, *, epochs: int, seed: int, start_step: int = 0
    ) -> Iterator[Rows]:
        """As `ActivationSource.batches`; an epoch's last rows share a batch with the next epoch's.

        Raises:
            SAEError: there are fewer rows than one batch takes, or a shard is damaged.
        """
        check_rows(self.rows * epochs, batch_size)
        pieces = self._pieces(epochs, seed, skip=start_step * batch_size)
        return rebatch(pieces, batch_size)

    def _pieces(self, epochs: int, seed: int, skip: int) -> Iterator[Rows]:
        """Shuffled rows from row `skip` of the whole stream on, in pieces of modest size."""
        first_epoch, skip = divmod(skip, self.rows)
        for epoch in range(first_epoch, epochs):
            order = np.random.default_rng((seed, epoch)).permutation(len(self.folder.shards))
            for at in range(0, len(order), self.window_shards):
                shards = [self.folder.shards[i] for i in order[at : at + self.window_shards]]
                size = sum(shard.rows for shard in shards)
                if skip < size:
                    mixed = np.random.default_rng((seed, epoch, at)).permutation(size)
                    yield from _gather(_window(shards, self.d_in), mixed[skip:])
                skip = max(0, skip - size)


@dataclass(frozen=True)
class ArraySource:
    """Activations that are in memory: embeddings of documents, test data."""

    activations: Rows
    """(rows, d_in) float32."""

    reader: Mapping[str, Any]

    @property
    def d_in(self) -> int:
        """Width of a hidden state."""
        return int(self.activations.shape[1])

    @property
    def rows(self) -> int:
        """Hidden states in one epoch."""
        return len(self.activations)

    def batches(
        self, batch_size: int, *, epochs: int, seed: int, start_step: int = 0
    ) -> Iterator[Rows]:
        """As `ActivationSource.batches`.

        Raises:
            SAEError: there are fewer rows than one batch takes.
        """
        check_rows(self.rows * epochs, batch_size)
        return rebatch(self._pieces(epochs, seed, start_step * batch_size), batch_size)

    def _pieces(self, epochs: int, seed: int, skip: int) -> Iterator[Rows]:
        first_epoch, skip = divmod(skip, self.rows)
        for epoch in range(first_epoch, epochs):
            mixed = np.random.default_rng((seed, epoch)).permutation(self.rows)
            yield from _gather(self.activations, mixed[skip:])
            skip = 0


def check_rows(rows: int, batch_size: int) -> None:
    """Refuse a stream that would hold no batch at all."""
    if rows < batch_size:
        raise SAEError(
            f"{rows} hidden states do not fill one batch of {batch_size}: lower batch_size or "
            "read more text"
        )


def rebatch(pieces: Iterator[Rows], batch_size: int) -> Iterator[Rows]:
    """Join pieces and cut them into batches of one size; a last, smaller one is dropped."""
    waiting: list[Rows] = []
    rows = 0
    for piece in pieces:
        waiting.append(piece)
        rows += len(piece)
        if rows >= batch_size:
            joined = np.concatenate(waiting)
            whole = rows - rows % batch_size
            yield from np.split(joined[:whole], whole // batch_size)
            waiting, rows = [joined[whole:]], rows - whole


def _window(shards: Sequence[Shard], d_in: int) -> npt.NDArray[np.float16]:
    """The rows of some shards in one array, read shard by shard."""
    window = np.empty((sum(shard.rows for shard in shards), d_in), np.float16)
    end = 0
    for shard in shards:
        window[end : end + shard.rows] = read_shard(shard, d_in)
        end += shard.rows
    return window


def _gather(
    source: npt.NDArray[np.floating[Any]], order: npt.NDArray[np.int64], rows: int = 1024
) -> Iterator[Rows]:
    """Rows of `source` in the given order, some thousand at a time, as float32."""
    for start in range(0, len(order), rows):
        yield source[order[start : start + rows]].astype(np.float32)
