"""Writes docs/reference.md from the commands themselves: `make docs`; a test keeps it current."""

import inspect
from pathlib import Path

import typer

from glassdex.api.cli import with_commands

TARGET = Path(__file__).with_name("reference.md")

HEAD = """# Command reference

Written by `make docs` from the commands themselves; do not edit it by hand.

Answers go to standard output, progress and warnings to standard error. With `--json` standard
output is exactly one JSON document, also after a failure: `{"error": {"code", "message"}}`.

| exit code | means |
|---|---|
| 0 | done |
| 1 | failed; one line on standard error says what was seen, what was wanted and what to do |
| 2 | wrong usage; the line says what is wrong with the command |
| 130 | interrupted with Ctrl-C; the same command again goes on |
"""


def reference() -> str:
    """The page, as it should be."""
    group = typer.main.get_command(with_commands())
    sections = [_section(name, command) for name, command in group.commands.items()]
    return "\n".join([HEAD, *sections])


def _section(name: str, command: typer.core.TyperCommand) -> str:
    context = typer.Context(command, info_name=f"glassdex {name}")
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    rows = [_row(p.metavar, p, context) for p in arguments]
    rows += [_row(_spelling(p, context), p, context) for p in options]
    usage = " ".join([context.command_path, *map(_place, arguments), "[OPTIONS]"])
    table = "\n".join(["| argument or option | means | default |", "|---|---|---|", *rows])
    return f"## glassdex {name}\n\n{inspect.cleandoc(command.help)}\n\n    {usage}\n\n{table}\n"


def _place(argument: typer.core.TyperArgument) -> str:
    return str(argument.metavar) if argument.required else f"[{argument.metavar}]"


def _spelling(option: typer.core.TyperOption, context: typer.Context) -> str:
    """`-k N`, `--mode hybrid|property`: the option with what it takes."""
    names = ", ".join(sorted(option.opts, key=len))
    if option.is_flag:
        return names
    taken = option.metavar or option.display_type(context).strip("<>")
    return f"{names} {taken}"


def _row(spelling: str, parameter: typer.core.TyperOption, context: typer.Context) -> str:
    cells = (f"`{spelling}`", parameter.help or "", _default(parameter, context))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(parameter: typer.core.TyperOption, context: typer.Context) -> str:
    if parameter.required:
        return "required"
    default = parameter.get_default(context, call=False)
    return "" if default is None or default is False or default == "" else f"`{default}`"


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
