"""Commands that measure speed: `bench`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from glassdex.api.console import err, escaped, out, print_json, warn
from glassdex.api.options import AsJson, load_settings

if TYPE_CHECKING:
    from glassdex.evals.bench import BenchRow
    from glassdex.evals.bench_corpus import BenchCorpus


class BenchName(StrEnum):
    """What can be measured."""

    ENCODE = "encode"
    TRAIN = "train"
    INDEX = "index"
    QUERY = "query"


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("bench")(bench_command)


def bench_command(
    benches: Annotated[
        list[BenchName] | None,
        typer.Argument(metavar="BENCH...", help=f"Of {', '.join(BenchName)}; default: all."),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="More rounds, texts and documents: for a report.")
    ] = False,
    documents: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Texts of your own, as for `glassdex index`; default: demo texts."
        ),
    ] = None,
    sae: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="SAE folder to measure; default: the one that ships."),
    ] = None,
    chart: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the ratios too: a name in .svg, .png or .html."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure speed, as ratios to lower bounds and to other programs in the same run.

    Takes some 5 minutes on two free cores, with --full about half an hour. Programs to compare
    with are sentence-transformers, SAELens and sparsify, as far as they are installed
    (`.venv/bin/pip install -e '.[peers]'`). Every speed is the best of rounds that take turns,
    every query time a median; nothing is left on disk but the chart.

    Example: `glassdex bench index query --chart speed.svg`
    """
    if chart is not None:
        from glassdex.evals.bench_chart import check_chart

        check_chart(chart)
    rows = measure(benches or list(BenchName), full=full, documents=documents, sae=sae)
    if chart is not None:
        from glassdex.evals.bench_chart import write_chart

        write_chart(rows, chart)
    if as_json:
        print_json({"results": [row.to_json() for row in rows]})
    else:
        _show(rows)


def measure(
    benches: Sequence[str],
    *,
    full: bool = False,
    documents: Path | None = None,
    sae: str | None = None,
) -> "list[BenchRow]":
    """Run benches, telling stderr how far they are and whom they cannot compare with."""
    from glassdex.evals.bench import FULL, QUICK, BenchSetup
    from glassdex.evals.bench_suite import absent_peers, run_benches
    from glassdex.sae.bundle import BUNDLED

    settings = load_settings()
    names = list(dict.fromkeys(benches))
    with TemporaryDirectory(prefix="glassdex-bench-") as folder, _corpus(documents) as corpus:
        for peer, reason in absent_peers(names).items():
            warn(f"no {peer.name} to compare with, {reason}: .venv/bin/pip install -e '.[peers]'")
        home = settings.model_copy(update={"home": Path(folder), "url": None})
        with _progress() as say:
            size = FULL if full else QUICK
            return run_benches(names, BenchSetup(corpus, size, home, sae or BUNDLED, say))


@contextmanager
def _corpus(documents: Path | None) -> "Iterator[BenchCorpus]":
    """The user's texts, or those of the demo over and over."""
    from glassdex.evals.bench_corpus import BenchCorpus
    from glassdex.indexer.sources import SourceOptions

    if documents is not None:
        yield BenchCorpus(documents)
        return
    with as_file(files("glassdex.api") / "demo" / "corpus.jsonl") as path:
        yield BenchCorpus(path, SourceOptions(("text",), "id", "demo"), repeated=True)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """What is going on: a spinner in a terminal, lines in a log."""
    with err.status("bench") as status:

        def say(what: str) -> None:
            if err.is_terminal:
                status.update(escaped(what))
            else:
                err.print(escaped(what))

        yield say


def _show(rows: "Sequence[BenchRow]") -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("bench", "case", "value", "reference", "ratio", "target"):
        table.add_column(name, justify="left" if name in ("bench", "case") else "right")
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        value, reference = (f"{figure(n)} {row.unit}" for n in (row.value, row.reference))
        cells = (row.bench, escaped(row.case), value, reference, f"{row.ratio:.2f}")
        last = after is None or after.bench != row.bench
        table.add_row(*cells, str(row.target or ""), end_section=last)
    out.print(table)


def figure(number: float) -> str:
    """A measured number with as many digits as it deserves."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
