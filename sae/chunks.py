"""Texts in chunks, so that memory is bounded however many and however long they are."""

from collections.abc import Iterable, Iterator

CHUNK_TEXTS = 256
CHUNK_CHARS = 400_000
"""Characters after which a chunk ends early; one text of more is a chunk by itself."""


def in_chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    """Cut a stream of texts into chunks; where one ends depends on nothing before its start."""
    chunk: list[str] = []
    chars = 0
    for text in texts:
        if chunk and (len(chunk) == CHUNK_TEXTS or chars + len(text) > CHUNK_CHARS):
            yield chunk
            chunk, chars = [], 0
        chunk.append(text)
        chars += len(text)
    if chunk:
        yield chunk
