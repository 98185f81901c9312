"""Measures speed and writes what came of it into docs/benchmarks.md and docs/benchmarks.svg.

`python docs/make_benchmarks.py` takes about half an hour on two free cores, with `--quick` some
minutes.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from glassdex.api.commands_bench import BenchName, figure, measure
from glassdex.evals.bench import FULL, QUICK, BenchRow, BenchSize
from glassdex.evals.bench_chart import write_chart
from glassdex.evals.bench_suite import machine

PAGE = Path(__file__).with_name("benchmarks.md")
CHART = PAGE.with_suffix(".svg")

BEGIN, END = "<!-- figures: written by docs/make_benchmarks.py -->", "<!-- end of figures -->"


def figures(rows: Sequence[BenchRow], size: BenchSize, when: str, where: str) -> str:
    """The part of the page between the two comments."""
    parts = [_circumstances(size, when, where), f"![Ratios of all benches]({CHART.name})"]
    for bench in dict.fromkeys(row.bench for row in rows):
        lines = [_line(row) for row in rows if row.bench == bench]
        head = [f"| {bench} | ours | reference | ratio | target |", "|---|---:|---:|---:|---:|"]
        parts.append("\n".join([*head, *lines]))
    return "\n\n".join(parts)


def replaced(page: str, text: str) -> str:
    """The page with another text between the two comments."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def _circumstances(size: BenchSize, when: str, where: str) -> str:
    return (
        f"{when}; {where}. Best of {size.rounds} rounds; {size.encoded:,} texts encoded, "
        f"{size.indexed:,} indexed; {size.asked} queries in each mode."
    )


def _line(row: BenchRow) -> str:
    value, reference = (f"{figure(n)} {row.unit}" for n in (row.value, row.reference))
    return f"| {row.case} | {value} | {reference} | {row.ratio:.2f} | {row.target or ''} |"


def main(full: bool) -> None:
    """Measure, draw, write."""
    rows = measure(list(BenchName), full=full)
    write_chart(rows, CHART)
    text = figures(rows, FULL if full else QUICK, f"{datetime.now(UTC):%Y-%m-%d}", machine())
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")


if __name__ == "__main__":
    main(full="--quick" not in sys.argv[1:])
