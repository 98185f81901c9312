"""The command line as a fixture, and an index to ask."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from glassdex.api.cli import main

CORPUS = Path(__file__).parents[2] / "api" / "demo" / "corpus.jsonl"
TEXTS = 60
"""Of the demo corpus, as many as a quick index needs."""


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture(scope="session", autouse=True)
def bare_environment(tmp_path_factory) -> Iterator[None]:
    """No variable of the machine changes what a command does or how it looks."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("GLASSDEX_", "QDRANT_")) or name in ("COLUMNS", "FORCE_COLOR"):
                patch.delenv(name)
        patch.chdir(tmp_path_factory.mktemp("work"))
        yield


@pytest.fixture
def glassdex(monkeypatch, capsys) -> Run:
    """Runs `glassdex` with arguments, in this process; home is an empty folder by default."""

    def run(*arguments: str, home: Path | None = None) -> Ran:
        if home is not None:
            monkeypatch.setenv("GLASSDEX_HOME", str(home))
        monkeypatch.setattr(sys, "argv", ["glassdex", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return Ran(int(left.value.code or 0), out, err)

    return run


@pytest.fixture(autouse=True)
def empty_home(monkeypatch, tmp_path) -> Path:
    """A home without an index, for tests that name no other."""
    home = tmp_path / "home"
    monkeypatch.setenv("GLASSDEX_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def texts(tmp_path_factory) -> Path:
    """The first texts of the demo corpus, every kind of document among them."""
    lines = CORPUS.read_text(encoding="utf-8").splitlines(keepends=True)
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    path.write_text("".join(lines[:: len(lines) // TEXTS][:TEXTS]), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def filled_home(texts, tmp_path_factory) -> Path:
    """A home whose index `default` holds `texts`; nothing may be written to it."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLASSDEX_HOME", str(home))
        patch.setattr(sys, "argv", ["glassdex", "index", str(texts), "--dataset", "demo"])
        with pytest.raises(SystemExit) as left:
            main()
    assert not left.value.code
    return home
