"""Answers as people read them in a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from glassdex.api.console import escaped, out
from glassdex.api.highlight import STYLES, highlighted, mark
from glassdex.search.latents import LatentPage, LatentSummary
from glassdex.search.result import Evidence, Hit, SearchResult

_ASKED = 6
_VALUE = 40
_METADATA = 160


def show_search(result: SearchResult) -> None:
    """What the bank knows and the latents asked for, then each hit with its marked text and what
    its score is made of."""
    if result.known is not None:
        near = " · ".join(
            f"{escaped(name)} [dim]{c:.2f}[/]" for name, c in result.known.nearest[:3]
        )
        out.print(f"[bold]known to the bank[/] {result.known.coverage:.0%}, nearest {near}")
    if result.latents:
        asked = " · ".join(
            f"{escaped(w.label)} [dim]#{w.id} {w.weight:+.2f}[/]" for w in result.latents[:_ASKED]
        )
        more = len(result.latents) - _ASKED
        out.print(f"[bold]latents asked for[/] {asked}{f' · {more} more' if more > 0 else ''}")
    if not result.hits:
        out.print("no document matches: try another mode, or fewer --where conditions")
    for number, hit in enumerate(result.hits, 1):
        out.print()
        _show_hit(number, hit)


def _show_hit(number: int, hit: Hit) -> None:
    name = escaped(f"{hit.payload['doc_id']} ({hit.payload['dataset']})")
    parts = " ".join(f"{n} {s.contribution:+.3f}" for n, s in hit.sources.items())
    out.print(f"[bold]{number}. {name}[/]  score {hit.score:.3f} [dim]= {parts}[/]")
    latents = hit.latents[: len(STYLES)]
    out.print(_marked(hit.payload["text"], hit.spans, [part.id for part in latents]))
    for place, part in enumerate(latents):
        facts = f"#{part.id} active {part.activation:.2f}, adds {part.contribution:+.3f}"
        out.print(_mark(place), f"{escaped(part.label)} [dim]{facts}[/]")
    metadata = _metadata(hit.payload.get("metadata", {}))
    if metadata:
        out.print(f"[dim]{escaped(metadata)}[/]")


def _metadata(values: Mapping[str, Any]) -> str:
    """Fields that `--where` can ask for, cut off where they get long."""
    shown = "  ".join(f"{key}={_value(value)}" for key, value in values.items())
    return shown if len(shown) <= _METADATA else shown[: _METADATA - 1] + "…"


def _value(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= _VALUE else text[: _VALUE - 1] + "…"


def _marked(text: str, spans: Sequence[Evidence], latents: Sequence[int]) -> Text:
    return highlighted(text, spans, latents, colour=_in_colour())


def _mark(place: int) -> Text:
    return mark(place, colour=_in_colour())


def _in_colour() -> bool:
    return out.color_system is not None and not out.no_color


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
        out.print(_marked(passage.text, passage.spans, [summary.id]))
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
