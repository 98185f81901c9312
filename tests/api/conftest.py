"""The command line as a fixture, and an index to ask."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from glassdex.api.cli import main

CORPUS = Path(__file__).parents[2] / "api" / "demo" / "corpus.jsonl"
STEP = 8
"""Every eighth text of the demo corpus is enough for a quick index, all kinds among them."""


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


@pytest.fixture
def glassdex(home, monkeypatch, capsys) -> Callable[..., Ran]:
    """Runs `glassdex` with arguments, in this process, in an empty home unless one is named."""

    def run(*arguments: object, home: Path | None = None) -> Ran:
        if home is not None:
            monkeypatch.setenv("GLASSDEX_HOME", str(home))
        monkeypatch.setattr(sys, "argv", ["glassdex", *map(str, arguments)])
        capsys.readouterr()
        code = _exit_code()
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run


@pytest.fixture(scope="session")
def texts(tmp_path_factory) -> Path:
    """Some texts of the demo corpus."""
    lines = CORPUS.read_text(encoding="utf-8").splitlines(keepends=True)
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    path.write_text("".join(lines[::STEP]), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def filled_home(texts, tmp_path_factory) -> Path:
    """A home whose index `default` holds `texts`, with the SAE that ships; do not write to it."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith(("GLASSDEX_", "QDRANT_"))]:
            patch.delenv(name)
        patch.setenv("GLASSDEX_HOME", str(folder))
        patch.setattr(sys, "argv", ["glassdex", "index", str(texts), "--dataset", "demo"])
        assert _exit_code() == 0
    return folder


def _exit_code() -> int:
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)
