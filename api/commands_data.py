"""Commands that bring documents in: `index`."""

from typing import TYPE_CHECKING, Annotated

import typer

from glassdex.api.console import err, escaped, out, print_json, warn
from glassdex.api.options import AsJson, IndexName, Url, load_settings, use_threads

if TYPE_CHECKING:
    from glassdex.indexer.failures import FailureLog


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("index")(index_command)


def index_command(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Files or folders: jsonl, csv, tsv, parquet, txt, md, .gz of these, BEIR; - is stdin.",
            show_default=False,
        ),
    ],
    dataset: Annotated[
        str | None, typer.Option(help="Name of the dataset; default: the file's.")
    ] = None,
    text_field: Annotated[
        list[str] | None, typer.Option(help="Field that holds the text; may be repeated.")
    ] = None,
    id_field: Annotated[str | None, typer.Option(help="Field that holds the id.")] = None,
    sae: Annotated[
        str | None, typer.Option(help="SAE folder for a new index; default: the bundled one.")
    ] = None,
    index: IndexName = "default",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Read documents, encode them and write them into an index.

    Documents that are already there unchanged are skipped, so the same command goes on after
    an interruption. Records that cannot be read are listed in a file, with line and reason.

    Example: `glassdex index answers.jsonl --text-field response -i answers`
    """
    from glassdex.api.progress import IndexProgress
    from glassdex.indexer.failures import FailureLog
    from glassdex.indexer.index import Index
    from glassdex.indexer.run import index_documents
    from glassdex.indexer.sources import SourceOptions, read_documents

    settings = load_settings(url)
    options = SourceOptions(
        tuple(text_field or ()), id_field, dataset, max_chars=settings.max_document_chars
    )
    failures = FailureLog(settings.home / "failures" / f"{index}.jsonl")
    documents = read_documents(sources, options, failures)
    use_threads(settings)
    with (
        Index.open_or_create(settings, index, sae=sae) as opened,
        failures,
        IndexProgress() as progress,
    ):
        report = index_documents(
            opened, documents, on_progress=progress.update, on_warning=warn
        )
    _say_failures(failures)
    answer = {**report.to_json(), "failed": failures.failed}
    if as_json:
        print_json(answer)
        return
    speed = f"{report.tokens / max(report.seconds, 1e-9):,.0f} tokens/s"
    out.print(
        f"[bold]{report.indexed:,}[/] documents indexed into [bold]{escaped(index)}[/], "
        f"{report.skipped:,} already there, {failures.failed:,} failed "
        f"({report.tokens:,} tokens in {report.seconds:.1f} s, {speed})"
    )


def _say_failures(failures: "FailureLog") -> None:
    """The first failures, and where the rest is."""
    for failure in failures.first:
        warn(str(failure))
    if failures.failed or failures.notices:
        err.print(
            f"{failures.failed:,} failed and {failures.notices:,} notices: "
            f"{escaped(str(failures.path))}"
        )
