"""Hidden states of many texts, read once and kept on disk for training."""

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import numpy as np

from glassdex.sae.chunks import in_chunks
from glassdex.sae.reader import Reader
from glassdex.sae.shards import ShardFolder, ShardWriter, open_shards

ROWS_PER_SHARD = 4_096
"""Small shards: training mixes many of them, so texts of one source are spread better, and a
small corpus still has some to hold out."""


def harvest(
    reader: Reader,
    texts: Iterable[str],
    folder: Path,
    *,
    tokens: int | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> ShardFolder:
    """Write the hidden states of `texts` into shards, until there are `tokens` of them.

    A killed run goes on where its last whole shard ends, if `texts` are the same. Memory: one
    shard and one chunk of texts. `on_progress` is told the number of hidden states so far.

    Raises SAEError when the folder holds states of another reader.
    """
    with ShardWriter(
        folder, reader.width, reader=reader.describe(), rows_per_shard=ROWS_PER_SHARD
    ) as writer:
        done = int((writer.progress or {}).get("texts", 0))
        rows = writer.rows
        for chunk in in_chunks(islice(texts, done, None)):
            if tokens is not None and rows >= tokens:
                break
            states = [batch.hidden for batch in reader.read(reader.tokenize(chunk))]
            done += len(chunk)
            joined = np.concatenate(states)
            rows += len(joined)
            writer.append(joined, {"texts": done})
            if on_progress is not None:
                on_progress(rows)
    return open_shards(folder)
