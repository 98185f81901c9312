"""The documents keep up with the program: commands, options, settings, links."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import typer

from glassdex.api.cli import with_commands
from glassdex.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])

COMMANDS = typer.main.get_command(with_commands()).commands
"""Name to command, as the command line has them."""


def blocks(page: Path) -> list[str]:
    """The lines of fenced and indented code, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", page.read_text(encoding="utf-8"))
    lines, fenced = [], False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            lines.append(line.strip())
    return lines


def shown_commands() -> list[tuple[str, str]]:
    """Page and command of every line that could be typed; usage with [OPTIONAL] parts is not."""
    found = []
    for page in PAGES:
        for line in blocks(page):
            command = line.removeprefix("$ ").removeprefix(".venv/bin/")
            if command.startswith("glassdex ") and "[" not in command:
                found.append((page.name, command))
    return found


def test_the_command_reference_is_current():
    """`make docs` writes it anew."""
    path = ROOT / "docs/make_reference.py"
    spec = importlib.util.spec_from_file_location("make_reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.TARGET.read_text(encoding="utf-8") == module.reference()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_explained(name):
    page = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
    section = page.split(f"## glassdex {name}\n")[1].split("\n## ")[0]
    for parameter in COMMANDS[name].params:
        if "--help" not in parameter.opts:
            assert parameter.help, f"{name}: {parameter.name} has no help"
            spellings = parameter.opts if parameter.param_type_name == "option" else ()
            assert all(spelling in section for spelling in spellings)


@pytest.mark.parametrize(("page", "line"), shown_commands())
def test_a_command_shown_in_a_document_is_one(page, line):
    name, *arguments = shlex.split(line, comments=True)[1:]
    if name not in COMMANDS:
        assert name in {"--version", "--help", "COMMAND"}
        return
    COMMANDS[name].make_context(name, arguments)


def test_every_setting_is_explained():
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    for name in Settings.model_fields:
        assert f"`GLASSDEX_{name.upper()}`" in page
    assert "`QDRANT_URL`" in page
    assert "`QDRANT_API_KEY`" in page


def test_no_document_names_a_setting_that_is_not_there():
    known = {f"GLASSDEX_{name.upper()}" for name in Settings.model_fields} | {"GLASSDEX_DEBUG"}
    for page in PAGES:
        named = set(re.findall(r"GLASSDEX_[A-Z_]+", page.read_text(encoding="utf-8")))
        assert named <= known, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    assert all((page.parent / t).exists() for t in targets if "://" not in t)


def test_the_readme_leads_to_every_page():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"(docs/{page.name})" in readme for page in (ROOT / "docs").glob("*.md"))
