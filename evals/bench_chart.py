"""Ratios as a chart: a panel of bars for each bench, a line at 1, a tick at every target."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt

from glassdex.errors import UsageError
from glassdex.evals.bench import BenchRow

SUFFIXES = (".svg", ".png", ".html")

_WIDTH, _STEP = 420, 20
_OURS, _SHORT = "#3b6ea5", "#c8763b"
_LEGEND = "ours / reference; dashed: equal; tick: target, orange where it is missed"

_ROOM = 1.1
"""Width of a panel, in units of its longest bar: for the number behind it."""


def check_chart(path: Path) -> None:
    """Refuse a file that no chart could be written to: before what is shown has taken minutes.

    Raises UsageError.
    """
    if path.suffix not in SUFFIXES:
        raise UsageError(
            f"{path} would be a chart of unknown format: end its name with {', '.join(SUFFIXES)}"
        )
    if not path.parent.is_dir():
        raise UsageError(f"{path} cannot be written: there is no folder {path.parent}")


def write_chart(rows: Sequence[BenchRow], path: Path) -> None:
    """Draw the ratios; an HTML file holds all it needs and loads nothing."""
    check_chart(path)
    benches = dict.fromkeys(row.bench for row in rows)
    panels = [_panel(name, [row for row in rows if row.bench == name]) for name in benches]
    chart = alt.vconcat(*panels, spacing=24).configure_view(stroke=None)
    if path.suffix == ".html":
        chart.save(str(path), inline=True)
    else:
        chart.save(str(path), scale_factor=2 if path.suffix == ".png" else 1)


def _panel(bench: str, rows: Sequence[BenchRow]) -> alt.LayerChart | alt.FacetChart:
    data = [_datum(row) for row in rows]
    widest = max(1.0, *(datum["end"] for datum in data))
    better = "lower" if rows[0].unit == "ms" else "higher"
    title = alt.Title(
        f"{bench}: {better} is better", subtitle=_LEGEND, anchor="start", frame="group"
    )
    base = alt.Chart({"values": data}).encode(
        x=alt.X("ratio:Q", title=None, scale=alt.Scale(domain=(0, _ROOM * widest))),
        y=alt.Y("case:N", sort=None, title=None, axis=alt.Axis(labelLimit=560, ticks=False)),
    )
    colour = alt.condition("datum.short", alt.value(_SHORT), alt.value(_OURS))
    return alt.layer(
        base.mark_bar(height={"band": 0.7}).encode(color=colour),
        base.mark_text(align="left", dx=4).encode(x="end:Q", text="shown:N"),
        base.mark_tick(color="black", thickness=2).encode(x="target:Q"),
        alt.Chart({"values": [{}]}).mark_rule(strokeDash=[4, 3]).encode(x=alt.datum(1)),
    ).properties(title=title, width=_WIDTH, height=alt.Step(_STEP))


def _datum(row: BenchRow) -> dict[str, Any]:
    target = row.target
    return {
        "case": row.case,
        "ratio": row.ratio,
        "shown": f"{row.ratio:.2f}",
        "end": max(row.ratio, target.bound) if target else row.ratio,
        "target": target.bound if target else None,
        "short": target is not None and not target.met(row.ratio),
    }
