"""The command line: `glassdex`."""

import os
import sys
from typing import Annotated, NoReturn

import typer

from glassdex import __version__
from glassdex.api.console import fail
from glassdex.errors import GlassdexError

app = typer.Typer(
    name="glassdex",
    help="Search and analysis of text whose every dimension can be read.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before any command."""


def _register() -> None:
    """Each command lives in a file of its own and is added here, in the order of the help."""
    from glassdex.api import commands_data, commands_eval, commands_search, commands_train

    for module in (commands_data, commands_search, commands_eval, commands_train):
        module.register(app)


def main() -> NoReturn:
    """Run a command; every failure becomes one line and an exit code, never a traceback."""
    _register()
    as_json = "--json" in sys.argv
    try:
        app(standalone_mode=True)
    except GlassdexError as error:
        fail(error.code, str(error), error.exit_code, as_json=as_json)
    except KeyboardInterrupt:
        fail("interrupted", "interrupted; the same command again goes on", 130, as_json=as_json)
    except BrokenPipeError:
        # The reader of our output left, as `| head` does; nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if os.environ.get("GLASSDEX_DEBUG"):
            raise
        kind = type(error).__name__
        message = f"a fault in glassdex: {kind}: {error} (GLASSDEX_DEBUG=1 shows where)"
        fail("internal", message, 1, as_json=as_json)
    sys.exit(0)
