"""The first five minutes: `demo`."""

import shlex
import shutil
import sys
from collections.abc import Sequence
from importlib.resources import as_file, files

import typer

from glassdex.api.console import escaped, out
from glassdex.api.options import Sae, load_settings

NAME = "demo"
"""Of the index and of the dataset in it."""

SEARCHES: Sequence[tuple[str, Sequence[str]]] = (
    ("A property, told by a few words", ["saying sorry", "--mode", "property", "-k", "3"]),
    (
        "One property without another, in some of the documents",
        ["thanking someone", "--not", "saying sorry", "-w", "kind=support_mail", "-k", "2"],
    ),
    (
        "Dense vectors, latents and words together",
        ["nobody knows, I have no idea", "-w", "kind=reply", "-k", "2"],
    ),
)
"""What each search shows, and its arguments."""

NEXT: Sequence[tuple[str, Sequence[str]]] = (
    ("ask these texts something else", ["search", "step by step instructions", "-i", NAME]),
    ("look for latents by meaning", ["latents", "saying sorry", "-i", NAME]),
    ("index your own texts", ["index", "my.jsonl", "--text-field", "text", "-i", "mine"]),
    ("and search them", ["search", "saying sorry", "-i", "mine"]),
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""

    @app.command("demo")
    def demo_command(sae: Sae = None) -> None:
        """Index the 400 texts that ship with glassdex and search them three times.

        Needs no key, no server and no download. The texts are described in api/demo/README.md.

        Example: `glassdex demo`
        """
        _index(sae)
        for title, arguments in SEARCHES:
            command = ["search", *arguments, "-i", NAME]
            out.print(f"\n[bold]{title}[/]\n[dim]$[/] {escaped(_line(command))}")
            app(command, standalone_mode=False)
        out.print("\n[bold]Next[/]")
        for title, arguments in NEXT:
            out.print(f"{escaped(_line(arguments))}  [dim]# {title}[/]")


def _index(sae: str | None) -> None:
    """Bring the shipped texts into the index; they are skipped where they are there already."""
    from glassdex.api.commands_data import index_sources, show_report
    from glassdex.errors import FingerprintError
    from glassdex.indexer.sources import SourceOptions

    settings = load_settings()
    options = SourceOptions(("text",), "id", NAME)
    with as_file(files("glassdex.api") / "demo" / "corpus.jsonl") as corpus:
        try:
            report, failures = index_sources(settings, NAME, [str(corpus)], options, sae=sae)
        except FingerprintError as error:
            folder = settings.indexes / NAME
            raise FingerprintError(
                f"{error}; to make the demo's index anew, delete {folder}"
            ) from None
    show_report(NAME, report, failures)


def _line(command: Sequence[str]) -> str:
    """The command as it can be typed here."""
    program = "glassdex" if shutil.which("glassdex") else sys.argv[0]
    return shlex.join([program, *command])
