"""Commands that measure: `eval`."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glassdex.api.console import escaped, out, print_json, warn
from glassdex.api.options import AsJson, Keep, KeepAbove, Sae, load_settings, pruning_of
from glassdex.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from glassdex.evals.beir import BeirSet
    from glassdex.evals.systems import System
    from glassdex.indexer.index import Index

SYSTEMS = ("random", "bm25", "bm25-index", "dense", "property", "hybrid")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("eval")(eval_command)


def eval_command(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR...",
            help="Folders with corpus.jsonl[.gz], queries.jsonl and qrels/test.tsv.",
            show_default=False,
        ),
    ],
    systems: Annotated[
        str,
        typer.Option(metavar="A,B,C", help=f"Of {', '.join(SYSTEMS)}."),
    ] = "random,bm25,dense,property,hybrid",
    to: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Where indexes and run files go; default: eval in GLASSDEX_HOME.",
        ),
    ] = None,
    sae: Sae = None,
    keep: Keep = None,
    keep_above: KeepAbove = None,
    as_json: AsJson = False,
) -> None:
    """Measure systems on retrieval sets in BEIR layout: AP, P@10, P@50, nDCG@10.

    Each set is indexed once. Every number is computed by ir_measures from the written run
    files; a query without an answer counts as 0.

    Example: `glassdex eval my-sets/* --systems bm25,dense,hybrid`
    """
    from glassdex.api.progress import EvalProgress
    from glassdex.api.render_eval import show_report
    from glassdex.evals.evaluate import evaluate
    from glassdex.evals.index_systems import open_set

    wanted, pruning = _wanted(systems), pruning_of(keep, keep_above)
    settings = load_settings()
    target = to or settings.home / "eval"
    with ExitStack() as open_indexes, EvalProgress() as progress:

        def make(beir: "BeirSet") -> "list[System]":
            open_indexes.close()  # the former set's, before this one's is opened

            def open_index() -> "Index":
                index = open_set(
                    beir,
                    target / "indexes",
                    sae=sae,
                    pruning=pruning,
                    on_progress=lambda report: progress.indexing(beir.name, report, beir.size),
                )
                return open_indexes.enter_context(index)

            return _systems(beir, wanted, open_index)

        report = evaluate(
            folders,
            make,
            target / "runs",
            progress.answered,
            on_failure=lambda failure: warn(str(failure)),
        )
    if as_json:
        print_json(report.to_json())
        return
    show_report(report)
    out.print(f"[dim]run files: {escaped(str(target / 'runs'))}[/]")


def _wanted(systems: str) -> list[str]:
    names = [name.strip() for name in systems.split(",") if name.strip()]
    unknown = [name for name in names if name not in SYSTEMS]
    if unknown or not names:
        raise UsageError(
            f"there is no system {', '.join(unknown) or 'named'}: choose of {', '.join(SYSTEMS)}"
        )
    return names


def _systems(
    beir: "BeirSet", wanted: list[str], open_index: "Callable[[], Index]"
) -> "list[System]":
    """The systems asked for, in that order; the index is opened if one of them needs it."""
    from glassdex.evals.index_systems import mode_systems
    from glassdex.evals.systems import BM25System, RandomSystem

    found: dict[str, System] = {}
    if "random" in wanted:
        found["random"] = RandomSystem(d.doc_id for d in beir.documents())
    if "bm25" in wanted:
        found["bm25"] = BM25System(beir.documents())
    if not set(wanted) <= found.keys():
        modes = mode_systems(open_index(), ("bm25", "dense", "property", "hybrid"))
        found |= {system.name: system for system in modes}
    return [found[name] for name in wanted]
