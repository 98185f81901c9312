"""The promises of the layout: one import name, imports downwards only, nothing left out."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import glassdex

ROOT = Path(__file__).parents[1]
FLOORS = ("glassdex", "sae", "indexer", "search", "evals", "api")
"""From the ground up; each may import itself and those before it."""

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FILES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))


def imported_as(path: Path) -> str:
    """The path a module has below site-packages."""
    within = path.relative_to(ROOT).as_posix()
    return within if within.startswith("glassdex/") else f"glassdex/{within}"


def module_name(path: Path) -> str:
    dotted = imported_as(path).removesuffix(".py").replace("/", ".")
    return dotted.removesuffix(".__init__")


def imports(path: Path) -> set[str]:
    """Dotted names that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def floor_of(module: str) -> str | None:
    """The floor that a dotted name belongs to; None for other packages."""
    parts = module.split(".")
    if parts[0] != "glassdex":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in FLOORS else "glassdex"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> tuple[set[str], str]:
    """Names in a wheel built from a copy of the tree, and what the build said."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    data = [path for floor in FLOORS for path in (ROOT / floor).rglob("*")]
    top = [ROOT / name for name in ("pyproject.toml", "README.md", "LICENSE")]
    for path in (*data, *top):
        if path.is_file() and "__pycache__" not in path.parts:
            target = tree / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        build, cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with ZipFile(next(out.glob("*.whl"))) as archive:
        return set(archive.namelist()), done.stdout + done.stderr


def test_the_wheel_has_one_top_level_name(wheel):
    names, _ = wheel
    info = f"glassdex-{glassdex.__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"glassdex", info}


def test_the_wheel_has_every_module_and_data_file_and_nothing_else(wheel):
    names, _ = wheel
    folders = ("sae/bundled", "sae/property_bank", "api/demo")
    data = [path for folder in folders for path in (ROOT / folder).iterdir()]
    wanted = {imported_as(path) for path in [*FILES, *data, ROOT / "glassdex/py.typed"]}
    assert {name for name in names if name.startswith("glassdex/")} == wanted


def test_building_says_nothing_of_warnings(wheel):
    _, said = wheel
    assert "warning" not in said.lower()


def test_every_folder_of_modules_is_a_listed_package():
    folders = {path.parent for path in FILES}
    assert all((folder / "__init__.py").is_file() for folder in folders)
    listed = PROJECT["tool"]["setuptools"]["packages"]
    assert set(listed) == {module_name(folder / "__init__.py") for folder in folders}


def test_the_folders_are_never_imported_by_their_bare_names():
    """From the root, where `import sae` would work too and make a second copy."""
    names = [module_name(path) for path in FILES if path.name != "__main__.py"]
    code = (
        "import importlib, json, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        f"print(json.dumps(sorted({set(FLOORS[1:])!r} & sys.modules.keys())))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("path", FILES, ids=imported_as)
def test_imports_run_downwards_only(path):
    here = floor_of(module_name(path))
    # The command is started by `python -m glassdex`, the one way up.
    allowed = FLOORS if path.name == "__main__.py" else FLOORS[: FLOORS.index(here) + 1]
    above = {name for name in imports(path) if (floor_of(name) or here) not in allowed}
    assert above == set()


def test_type_checkers_see_every_file_through_links():
    links = {path.name: path for path in (ROOT / ".typing/glassdex").iterdir()}
    assert all(path.is_symlink() and path.exists() for path in links.values())
    own = {p.name for p in (ROOT / "glassdex").iterdir() if p.name != "__pycache__"}
    assert links.keys() == own | set(FLOORS[1:])
    for name, path in links.items():
        origin = ROOT / name if name in FLOORS else ROOT / "glassdex" / name
        assert path.resolve() == origin.resolve()
        assert not path.readlink().is_absolute()


def test_the_version_is_the_changelogs_newest():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    found = re.search(r"^## (\d+\.\d+\.\d+)", changelog, re.MULTILINE)
    assert found is not None
    assert found[1] == glassdex.__version__


def test_every_package_that_is_imported_is_declared():
    declared = {canonicalize_name(Requirement(r).name) for r in PROJECT["project"]["dependencies"]}
    owners = metadata.packages_distributions()
    names = {name.split(".")[0] for path in FILES for name in imports(path)}
    outside = names - set(sys.stdlib_module_names) - {"glassdex"}
    used = {canonicalize_name(owner) for name in outside for owner in owners[name]}
    assert used - declared == set()


def test_the_lock_pins_every_requirement_and_names_no_place():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pins = {canonicalize_name(n): v for n, v in (line.split("==") for line in lines)}
    assert pins["torch"] == "2.13.0"
    project = PROJECT["project"]
    for line in (*project["dependencies"], *project["optional-dependencies"]["dev"]):
        requirement = Requirement(line)
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), line
