"""Where words go: answers to stdout, everything else to stderr."""

import json
import sys
from typing import Any, NoReturn

from rich.console import Console

out = Console(highlight=False, soft_wrap=False)
"""Human-readable answers."""

err = Console(stderr=True, highlight=False, soft_wrap=True)
"""Progress, warnings and errors."""


def print_json(document: Any) -> None:
    """The one JSON document of a command that was given `--json`."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")


def warn(message: str) -> None:
    """One line that does not stop the command."""
    err.print(f"[yellow]warning:[/] {escaped(message)}")


def fail(code: str, message: str, exit_code: int, *, as_json: bool) -> NoReturn:
    """Say what went wrong in one line, as JSON too when that was asked for, and leave."""
    line = " ".join(message.split())
    err.print(f"[red]error:[/] {escaped(line)}")
    if as_json:
        print_json({"error": {"code": code, "message": line}})
    sys.exit(exit_code)


def escaped(text: str) -> str:
    """Text as it is: no markup, and control characters made visible."""
    from rich.markup import escape

    shown = "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
    return escape(shown)
