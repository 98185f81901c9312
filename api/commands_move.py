"""Commands that move an index: `export`, `import`."""

from pathlib import Path
from typing import Annotated

import typer

from glassdex.api.console import escaped, out, print_json
from glassdex.api.options import AsJson, IndexName, Url, load_settings, opened


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("export")(export_command)
    app.command("import")(import_command)


def export_command(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Parquet file to write.")],
    index: IndexName = "default",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Write an index to one Parquet file: texts, metadata and all vectors.

    Example: `glassdex export answers.parquet -i answers`
    """
    from glassdex.indexer.transfer import export_index

    with opened(index, url) as found:
        count = export_index(found, path)
    _say({"exported": count, "file": str(path)}, f"{count:,} documents in {path}", as_json)


def import_command(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="File that `export` wrote.")],
    index: IndexName = "default",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Make a new index of an exported one; nothing is encoded again.

    Example: `glassdex import answers.parquet -i answers --url http://localhost:6333`
    """
    from glassdex.indexer.transfer import import_index

    count = import_index(load_settings(url), index, path)
    _say({"imported": count, "index": index}, f"{count:,} documents in {index}", as_json)


def _say(document: dict[str, int | str], line: str, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        out.print(escaped(line))
