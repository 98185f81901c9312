"""Commands that measure speed: `bench`."""

from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from glassdex.api.console import out, print_json
from glassdex.api.options import AsJson, Sae, load_settings, use_threads

if TYPE_CHECKING:
    from glassdex.indexer.document import Document


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("bench")(bench_command)


def bench_command(sae: Sae = None, as_json: AsJson = False) -> None:
    """Measure indexing and search on the demo texts, as ratios within this run.

    Example: `glassdex bench --json`
    """
    from glassdex.evals.bench import bench_index, bench_search
    from glassdex.indexer.index import Index

    settings = load_settings()
    use_threads(settings)
    with TemporaryDirectory(prefix="glassdex-bench-") as folder:
        home = settings.model_copy(update={"home": Path(folder), "url": None})
        with Index.open_or_create(home, "bench", sae=sae) as index:
            rows = [*bench_index(index, _demo_documents()), *bench_search(index)]
    if as_json:
        print_json({"results": [row.to_json() for row in rows]})
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("bench", "case", "value", "reference", "ratio"):
        table.add_column(name, justify="left" if name in ("bench", "case") else "right")
    for row in rows:
        value, reference = (f"{n:,.1f} {row.unit}" for n in (row.value, row.reference))
        table.add_row(row.bench, row.case, value, reference, f"{row.ratio:.2f}")
    out.print(table)


def _demo_documents() -> "list[Document]":
    from glassdex.indexer.sources import SourceOptions, read_documents

    with as_file(files("glassdex.api") / "demo" / "corpus.jsonl") as corpus:
        options = SourceOptions(("text",), "id", "demo")
        return list(read_documents([str(corpus)], options, lambda _: None))
