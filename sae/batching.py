"""Which token sequences go through a transformer together.

The shape of a matrix product may change its last bits. So every pass has one of a few fixed
shapes, and what comes of a sequence does not depend on what is read with it.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator, Sequence

TOKENS_PER_BATCH = 512
"""Rows of one pass: enough for its products to be quick, few enough to stay in cache."""


def packed(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Numbers of sequences, in groups of at most `size` tokens: nearly all of them full.

    Best fit, longest first; sequences of one length stand side by side. Groups come in the order
    of their first sequence, so that the first ones are not all alike. No length may exceed `size`.
    """
    groups: list[list[int]] = []
    rooms: list[tuple[int, int]] = []  # tokens left in a group, and which it is; ascending
    for number in sorted(range(len(lengths)), key=lambda n: -lengths[n]):
        at = bisect_left(rooms, (lengths[number], -1))
        if at < len(rooms):
            room, group = rooms.pop(at)
            groups[group].append(number)
        else:
            room, group = size, len(groups)
            groups.append([number])
        insort(rooms, (room - lengths[number], group))
    return sorted(groups, key=min)


def by_length(lengths: Sequence[int], longest: int) -> Iterator[list[int]]:
    """Numbers of sequences, in groups of one padded length, shortest first."""
    buckets: dict[int, list[int]] = defaultdict(list)
    for number, length in enumerate(lengths):
        buckets[padded(length, longest)].append(number)
    for length in sorted(buckets):
        rows = rows_of(length)
        for start in range(0, len(buckets[length]), rows):
            yield buckets[length][start : start + rows]


def padded(length: int, longest: int) -> int:
    """The next of a few lengths, at most the longest that the model takes."""
    step = 8 if length <= 64 else 16
    return min(-(-length // step) * step, longest)


def rows_of(length: int) -> int:
    """How many sequences of a padded length are read at once."""
    return max(1, TOKENS_PER_BATCH // length)
