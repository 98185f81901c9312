"""The command line: `glassdex`."""

import os
import sys
from typing import Annotated, NoReturn

import typer

from glassdex import __version__
from glassdex.api.console import fail
from glassdex.errors import GlassdexError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

app = typer.Typer(
    name="glassdex",
    help="Search and analysis of text whose every dimension can be read.",
    epilog="First steps: `glassdex demo`, then `glassdex index FILE` and `glassdex search TEXT`.",
    invoke_without_command=True,
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
    context: typer.Context,
    _asked: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Without a command, say which commands there are."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def with_commands() -> typer.Typer:
    """The application; each command lives in a file of its own, here in the order of the help."""
    from glassdex.api import (
        commands_bench,
        commands_data,
        commands_demo,
        commands_eval,
        commands_move,
        commands_search,
        commands_train,
    )

    if not app.registered_commands:
        modules = (
            commands_demo,
            commands_data,
            commands_search,
            commands_eval,
            commands_train,
            commands_move,
            commands_bench,
        )
        for module in modules:
            module.register(app)
    return app


def main() -> NoReturn:
    """Run a command; every failure becomes one line and an exit code, never a traceback."""
    as_json = "--json" in sys.argv
    try:
        code = with_commands()(standalone_mode=False)
    except GlassdexError as error:
        fail(error.code, str(error), error.exit_code, as_json=as_json)
    except typer.TyperException as error:
        fail("usage", _wrong_usage(error), error.exit_code, as_json=as_json)
    except Exception as error:
        if os.environ.get("GLASSDEX_DEBUG"):
            raise
        kind = type(error).__name__
        message = f"a fault in glassdex: {kind}: {error} (GLASSDEX_DEBUG=1 shows where)"
        fail("internal", message, 1, as_json=as_json)
    if code == INTERRUPTED:
        message = "interrupted: the same command again goes on where this one stopped"
        fail("interrupted", message, INTERRUPTED, as_json=as_json)
    sys.exit(code or 0)


def _wrong_usage(error: typer.TyperException) -> str:
    """What is wrong with the command line, and where to read what is right."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else app.info.name
    message = error.format_message().removesuffix(".").replace("Value error, ", "")
    return f"{message}; `{command} --help` shows how"
