"""From what the user names to the files that documents are read from."""

import difflib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from glassdex.errors import InputError
from glassdex.indexer.beir import corpus_of
from glassdex.indexer.failures import Failure
from glassdex.indexer.formats import KNOWN_SUFFIXES, format_of, stem_of
from glassdex.indexer.source_file import FormatName, SourceFile

STDIN = "-"

_KINDS_SHOWN = 20
_NAME_SHOWN = 200


def check_source(source: str) -> None:
    """Raise InputError unless `source` is standard input, a folder or a file of known format."""
    if source == STDIN:
        return
    path = Path(source)
    try:
        # Path("") is the current folder, which nobody means by an empty name.
        Path(source or "\0").stat()
    except (OSError, ValueError) as error:
        if isinstance(error, PermissionError):
            raise InputError(f"{source!r} cannot be read: {error.strerror}") from error
        raise InputError(f"there is no file or folder {_shorten(source)!r}{_hint(path)}") from None
    if not path.is_dir() and format_of(path) is None:
        raise InputError(
            f"cannot tell the format of {source!r} by its name; known are {KNOWN_SUFFIXES}. "
            f"Rename it, or send JSON Lines to standard input: {STDIN}"
        )


def find_all(sources: Sequence[str], dataset: str | None = None) -> Iterator[SourceFile | Failure]:
    """The files of all sources, with a notice where two of them got the same dataset name."""
    origins: dict[str, str] = {}
    for source in sources:
        for file in find_files(source, dataset):
            if isinstance(file, SourceFile) and dataset is None:
                origin = source if file.format == "text" else file.name
                if origins.setdefault(file.dataset, origin) != origin:
                    yield _same_name(file, origins[file.dataset])
            yield file


def find_files(source: str, dataset: str | None = None) -> Iterator[SourceFile | Failure]:
    """The files of a source that `check_source` passed, in an order that depends on names only.

    A folder is searched with all folders in it, except hidden ones. dataset: what to call all
    documents; None derives a name for each file.
    """
    path = Path(source)
    if source == STDIN:
        yield SourceFile(None, "stdin", "jsonl", dataset or "stdin", "stdin", named=True)
    elif not path.is_dir():
        kind = format_of(path)
        assert kind is not None
        label = dataset or _readable(stem_of(path))
        yield SourceFile(path, _readable(source), kind, label, _readable(path.name), named=True)
    else:
        yield from _walk(path, dataset)


def _walk(root: Path, dataset: str | None) -> Iterator[SourceFile | Failure]:
    unreadable: list[OSError] = []
    others: Counter[str] = Counter()
    for name, subfolders, names in os.walk(root, onerror=unreadable.append):
        folder = Path(name)
        subfolders[:] = sorted(sub for sub in subfolders if not sub.startswith("."))
        if corpus := corpus_of(folder):
            subfolders.clear()
            yield _beir(corpus, root, dataset)
            continue
        for file in sorted(file for file in names if not file.startswith(".")):
            path = folder / file
            kind = format_of(path) if path.is_file() else None
            if kind is None:
                _count(others, path)
            else:
                yield _member(path, kind, root, dataset)
    for error in unreadable:
        place = _readable(error.filename or str(root))
        yield Failure(place, f"the folder cannot be read: {error.strerror}")
    if others:
        yield _passed_over(root, others)


def _member(path: Path, kind: FormatName, root: Path, dataset: str | None) -> SourceFile:
    """A file found in a folder. Its dataset tells files of one name in two folders apart."""
    within = path.relative_to(root)
    found = _folder_name(root) if kind == "text" else within.with_name(stem_of(path)).as_posix()
    return SourceFile(
        path,
        _readable(str(path)),
        kind,
        dataset or _readable(found),
        _readable(within.as_posix()),
        named=False,
    )


def _beir(corpus: Path, root: Path, dataset: str | None) -> SourceFile:
    label = dataset or _readable(_folder_name(corpus.parent))
    return SourceFile(
        corpus, _readable(str(corpus)), "beir", label, corpus.name, named=corpus.parent == root
    )


def _folder_name(folder: Path) -> str:
    return folder.resolve().name or "files"


def _readable(name: str) -> str:
    """A file name as valid Unicode; bytes that are none are spelled out, so names stay apart."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _same_name(file: SourceFile, other: str) -> Failure:
    reason = (
        f"the dataset name {file.dataset!r} is also that of {other}: records with the same id "
        "replace each other; give one of the two another name with --dataset"
    )
    return Failure(file.name, reason, notice=True)


def _shorten(name: str) -> str:
    return name if len(name) <= _NAME_SHOWN else name[: _NAME_SHOWN - 1] + "…"


def _count(others: Counter[str], path: Path) -> None:
    kind = path.suffix.lower() or "no suffix"
    others[kind if kind in others or len(others) < _KINDS_SHOWN else "other"] += 1


def _passed_over(root: Path, others: Counter[str]) -> Failure:
    kinds = ", ".join(f"{_readable(kind)} ({n})" for kind, n in sorted(others.items()))
    reason = f"{others.total()} files of unknown format passed over: {kinds}"
    return Failure(_readable(str(root)), f"{reason}; known are {KNOWN_SUFFIXES}", notice=True)


def _hint(path: Path) -> str:
    """Where the path goes wrong, and what is there instead."""
    folder, missing = path.parent, path.name
    try:
        while not folder.is_dir() and folder != folder.parent:
            folder, missing = folder.parent, folder.name
        names = os.listdir(folder)  # noqa: PTH208 - names are compared, not opened
    except (OSError, ValueError):
        return ""
    near = difflib.get_close_matches(missing, names, n=3)
    if near:
        return f"; {str(folder)!r} has {', '.join(sorted(near))}"
    return f"; {str(folder)!r} has nothing of a similar name"
