"""The evidence in a text: where the strongest latents are active, in colour or in brackets."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.text import Text

from glassdex.search.result import Evidence

STYLES = ("black on yellow", "black on cyan", "black on green")
"""Of the strongest latent, the second and the third; further ones are not shown."""

_MARKS = "¹²³"
_EXCERPT = 400


def highlighted(
    text: str, spans: Sequence[Evidence], latents: Sequence[int], *, colour: bool
) -> Text:
    """An excerpt around the strongest span, with the spans of the given latents marked.

    latents: strongest first, at most three; where they overlap, the stronger one is shown.
    colour: paint the spans, else put them in brackets with the latent's number, [so]¹.
    """
    shown = [span for span in spans if span.latent in latents]
    start, stop = _window(text, shown)
    owners = _owners(shown, latents, start, stop)
    line = Text("… " if start else "")
    for place, piece in _runs(text[start:stop], owners):
        if place is None:
            line.append(_printable(piece))
        elif colour:
            line.append(_printable(piece), style=STYLES[place])
        else:
            line.append(f"[{_printable(piece)}]{_MARKS[place]}")
    return line.append(" …") if stop < len(text) else line


def mark(place: int, *, colour: bool) -> Text:
    """What stands before the label of the latent at `place`: its colour, or its number."""
    if colour:
        return Text("■", style=STYLES[place].rsplit(" ", 1)[-1])
    return Text(_MARKS[place])


def _window(text: str, spans: Sequence[Evidence]) -> tuple[int, int]:
    """Characters to show: all of a short text, else those around its strongest span."""
    if len(text) <= _EXCERPT:
        return 0, len(text)
    centre = max(spans, key=lambda s: s.activation).start if spans else 0
    start = min(max(0, centre - _EXCERPT // 3), len(text) - _EXCERPT)
    return start, start + _EXCERPT


def _owners(
    spans: Sequence[Evidence], latents: Sequence[int], start: int, stop: int
) -> list[int | None]:
    """For each character of the excerpt the place of the strongest latent active there."""
    owners: list[int | None] = [None] * (stop - start)
    for place, latent in reversed(list(enumerate(latents))):
        for span in spans:
            if span.latent == latent:
                low, high = max(span.start, start), min(span.end, stop)
                owners[low - start : max(low, high) - start] = [place] * max(0, high - low)
    return owners


def _runs(text: str, owners: Sequence[int | None]) -> Iterator[tuple[int | None, str]]:
    """Pieces of the text with one owner each."""
    position = 0
    for owner, group in groupby(owners):
        length = len(list(group))
        yield owner, text[position : position + length]
        position += length


def _printable(text: str) -> str:
    """Same length, every character harmless: line breaks and controls become spaces."""
    return "".join(c if c.isprintable() else " " for c in text)
