"""Commands that bring documents in: `index`."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from glassdex.api.console import err, escaped, out, print_json, warn
from glassdex.api.options import (
    AsJson,
    IndexName,
    Keep,
    KeepAbove,
    Sae,
    Url,
    load_settings,
    pruning_of,
)

if TYPE_CHECKING:
    from glassdex.indexer.failures import FailureLog
    from glassdex.indexer.pruning import Pruning
    from glassdex.indexer.run import IndexReport
    from glassdex.indexer.sources import SourceOptions
    from glassdex.settings import Settings

_T = TypeVar("_T")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("index")(index_command)


def index_command(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Files or folders: jsonl, csv, tsv, parquet, txt, md, each also with .gz; "
            "BEIR folders; - reads JSON Lines from standard input.",
            show_default=False,
        ),
    ],
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the dataset; default: the file's.")
    ] = None,
    text_field: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD",
            help="Field that holds the text; may be repeated, each makes a document. "
            "Default: text, content, body, document or abstract.",
        ),
    ] = None,
    id_field: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="Field that holds the id; default: id, _id or doc_id."),
    ] = None,
    sae: Sae = None,
    keep: Keep = None,
    keep_above: KeepAbove = None,
    index: IndexName = "default",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Read documents, encode them and write them into an index.

    Documents that are already there unchanged are skipped, so the same command goes on after
    an interruption. Records that cannot be read are listed in a file, with line and reason.

    Example: `glassdex index answers.jsonl --text-field response -i answers`
    """
    from glassdex.indexer.sources import SourceOptions

    settings = load_settings(url)
    fields = tuple(text_field or ())
    options = SourceOptions(fields, id_field, dataset, max_chars=settings.max_document_chars)
    pruning = pruning_of(keep, keep_above)
    report, failures = index_sources(settings, index, sources, options, sae=sae, pruning=pruning)
    if as_json:
        print_json({**report.to_json(), "failed": failures.failed})
    else:
        show_report(index, report, failures)


def index_sources(
    settings: "Settings",
    name: str,
    sources: list[str],
    options: "SourceOptions",
    *,
    sae: str | None = None,
    pruning: "Pruning | None" = None,
) -> "tuple[IndexReport, FailureLog]":
    """Index sources with progress on stderr, and say there which records failed."""
    from glassdex.api.progress import IndexProgress
    from glassdex.indexer.failures import FailureLog
    from glassdex.indexer.index import Index, place_of
    from glassdex.indexer.run import index_documents
    from glassdex.indexer.sources import read_documents

    place_of(settings, name)  # refuses a bad name before a file is named by it
    failures = FailureLog(settings.home / "failures" / f"{name}.jsonl")
    with failures:
        # An index is not made before there is a document for it.
        documents = _begun(read_documents(sources, options, failures))
        progress = IndexProgress(sources, options.meter)
        with Index.open_or_create(settings, name, sae=sae, pruning=pruning) as index, progress:
            report = index_documents(index, documents, on_progress=progress.update, on_warning=warn)
    _say_failures(failures)
    return report, failures


def show_report(name: str, report: "IndexReport", failures: "FailureLog") -> None:
    """What an indexing run did, in one line."""
    speed = f"{report.tokens / max(report.seconds, 1e-9):,.0f} tokens/s"
    out.print(
        f"[bold]{report.indexed:,}[/] documents indexed into [bold]{escaped(name)}[/], "
        f"{report.skipped:,} already there, {failures.failed:,} failed "
        f"({report.tokens:,} tokens in {report.seconds:.1f} s, {speed})"
    )


def _begun(items: Iterable[_T]) -> Iterator[_T]:
    """The same items, the first one already read."""
    stream = iter(items)
    first = next(stream)
    return chain([first], stream)


def _say_failures(failures: "FailureLog") -> None:
    """The first failures, and where the rest is."""
    for failure in failures.first:
        warn(str(failure))
    if failures.failed or failures.notices:
        err.print(
            f"{failures.failed:,} failed and {failures.notices:,} notices: "
            f"{escaped(str(failures.path))}"
        )
