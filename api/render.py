"""Answers as people read them in a terminal."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from glassdex.api.console import escaped, out
from glassdex.search.latents import LatentPage, LatentSummary
from glassdex.search.result import Evidence, Hit, SearchResult

_EXCERPT = 400
_HIGHLIGHTED = 3
_STYLES = ("bold black on yellow", "bold black on cyan", "bold black on green")


def show_search(result: SearchResult) -> None:
    """The latents asked for, then each hit with its highlighted text and what it is made of."""
    if result.latents:
        shown = ", ".join(
            f"{escaped(w.label)} [dim]#{w.id} {w.weight:+.2f}[/]" for w in result.latents[:6]
        )
        more = len(result.latents) - 6
        out.print(f"[bold]latents[/] {shown}{f' [dim]and {more} more[/]' if more > 0 else ''}")
    if not result.hits:
        out.print("no document matches; try another mode, or fewer --where conditions")
    for number, hit in enumerate(result.hits, 1):
        out.print()
        _show_hit(number, hit)


def _show_hit(number: int, hit: Hit) -> None:
    sources = "  ".join(
        f"{name} {source.contribution:+.3f}{f' (#{source.rank})' if source.rank else ''}"
        for name, source in hit.sources.items()
    )
    origin = escaped(f"{hit.payload['dataset']} · {hit.payload['doc_id']}")
    out.print(f"[bold]{number}.[/] [bold]{hit.score:.3f}[/]  [dim]{sources}  {origin}[/]")
    strongest = [c.id for c in hit.latents[:_HIGHLIGHTED]]
    out.print(highlighted(hit.payload["text"], hit.spans, strongest))
    for place, part in enumerate(hit.latents[:_HIGHLIGHTED]):
        mark = Text("■ ", style=_STYLES[place].rsplit(" ", 1)[-1])
        out.print(mark, f"{escaped(part.label)} [dim]#{part.id} {part.contribution:+.3f}[/]", sep="")


def highlighted(text: str, spans: Sequence[Evidence], latents: Sequence[int]) -> Text:
    """An excerpt around the strongest span, with the given latents' spans coloured in order."""
    start, stop = _window(text, [s for s in spans if s.latent in latents])
    head, tail = "… " if start else "", " …" if stop < len(text) else ""
    shown = Text(head + _printable(text[start:stop]) + tail)
    # Painted in reverse, so that the strongest latent's colour lies on top.
    for place in reversed(range(len(latents))):
        for span in spans:
            if span.latent == latents[place]:
                low, high = max(span.start, start), min(span.end, stop)
                if low < high:
                    shift = len(head) - start
                    shown.stylize(_STYLES[place % len(_STYLES)], low + shift, high + shift)
    return shown


def _window(text: str, spans: Sequence[Evidence]) -> tuple[int, int]:
    """Characters to show: all of a short text, else those around its strongest span."""
    if len(text) <= _EXCERPT:
        return 0, len(text)
    centre = max(spans, key=lambda s: s.activation).start if spans else 0
    start = min(max(0, centre - _EXCERPT // 3), len(text) - _EXCERPT)
    return start, start + _EXCERPT


def _printable(text: str) -> str:
    """Same length, every character harmless: line breaks and controls become spaces."""
    return "".join(c if c.isprintable() else " " for c in text)


def show_latents(latents: Sequence[LatentSummary]) -> None:
    """A table of latents."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("id", "label", "similarity", "density", "label score"):
        table.add_column(name, justify="left" if name == "label" else "right")
    for latent in latents:
        table.add_row(
            str(latent.id),
            escaped(latent.label),
            "" if latent.similarity is None else f"{latent.similarity:.2f}",
            f"{latent.density:.2%}",
            "" if latent.score is None else f"{latent.score:.2f}",
        )
    out.print(table)


def show_latent(page: LatentPage) -> None:
    """One latent's page."""
    summary = page.summary
    out.print(f"[bold]#{summary.id}  {escaped(summary.label)}[/]")
    for label in page.labels:
        out.print(
            f"[dim]label by {escaped(label.source)}, score {label.score:.2f}, {label.date}[/]"
        )
    out.print(
        f"{page.documents:,} documents here ({page.density:.2%}); "
        f"{summary.density:.2%} of the SAE's own corpus; 90th percentile {summary.p90:.2f}, "
        f"maximum {summary.maximum:.2f}"
    )
    if page.histogram.counts:
        low, high = page.histogram.edges[0], page.histogram.edges[-1]
        out.print(f"activation {low:.1f} {_sparkline(page.histogram.counts)} {high:.1f}")
    for passage in page.passages:
        out.print()
        out.print(f"[bold]{passage.activation:.2f}[/] [dim]{escaped(passage.dataset)}[/]")
        out.print(highlighted(passage.text, passage.spans, [summary.id]))
    if page.neighbours:
        out.print("\n[bold]near in meaning[/]")
        show_latents(page.neighbours)
    if page.co_active:
        out.print("\n[bold]active in the same documents[/]")
        for other in page.co_active:
            out.print(
                f"{escaped(other.label)} [dim]#{other.id} in {other.share:.0%}, "
                f"{other.lift:.1f} times as often as usual[/]"
            )


def _sparkline(counts: Sequence[int]) -> str:
    """Bars of eight heights; a bin that is not empty is always seen."""
    bars = " ▁▂▃▄▅▆▇█"
    top = max(counts)
    return "".join(bars[0 if not c else max(1, round(8 * c / top))] for c in counts)
