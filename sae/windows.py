"""Long texts are read in overlapping windows, and every token belongs to exactly one of them."""

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of a document's tokens that one forward pass sees.

    [start, stop) is what the model sees, [own_start, own_stop) the part whose hidden states
    are used: the rest is there for context and belongs to a neighbouring window.
    """

    start: int
    stop: int
    own_start: int
    own_stop: int


def split(n_tokens: int, size: int, overlap: int) -> list[Span]:
    """Cover n_tokens with windows of at most `size` tokens that overlap by at least `overlap`.

    The last window is moved left until it is full, so that no window is a short tail without
    context. Overlaps are divided in the middle. A text without tokens is one empty window.
    `overlap` must be smaller than `size`.
    """
    if n_tokens <= size:
        return [Span(0, n_tokens, 0, n_tokens)]
    starts = [*range(0, n_tokens - size, size - overlap), n_tokens - size]
    cuts = [0]
    for left, right in pairwise(starts):
        cuts.append((right + left + size) // 2)
    cuts.append(n_tokens)
    return [
        Span(start, start + size, low, high)
        for start, low, high in zip(starts, cuts[:-1], cuts[1:], strict=True)
    ]
