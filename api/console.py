"""Where words go: answers to stdout, everything else to stderr."""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

from rich.console import Console
from rich.markup import escape

_UNFOLDED = 10_000
"""Columns where nobody looks: lines sent to a file or a pipe are not folded."""


def _width() -> int | None:
    return None if sys.stdout.isatty() or "COLUMNS" in os.environ else _UNFOLDED


out = Console(highlight=False, width=_width())
"""Human-readable answers."""

err = Console(stderr=True, highlight=False, soft_wrap=True)
"""Progress, warnings and errors."""


def print_json(document: Mapping[str, Any]) -> None:
    """The one JSON document of a command that was given `--json`."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()  # a reader that has gone is noticed here, not at exit


def warn(message: str) -> None:
    """One line that does not stop the command."""
    err.print(f"[yellow]warning:[/] {escaped(_one_line(message))}")


def fail(code: str, message: str, exit_code: int, *, as_json: bool) -> NoReturn:
    """Say what went wrong in one line, as JSON too when that was asked for, and leave."""
    line = _one_line(message)
    err.print(f"[red]error:[/] {escaped(line)}")
    if as_json:
        print_json({"error": {"code": code, "message": line}})
    sys.exit(exit_code)


def escaped(text: str) -> str:
    """Text as it is: no markup, and control characters made visible."""
    return escape("".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text))


def _one_line(message: str) -> str:
    return " ".join(message.split())
