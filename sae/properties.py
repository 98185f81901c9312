"""Properties by example: what a text can have whatever it is about, with texts that have it."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glassdex.errors import InputError

BANK = Path(__file__).parent / "property_bank" / "properties.jsonl.gz"
"""The bank that ships with glassdex."""

MAX_TEXT = 2000
"""Characters of an example; a property is to be seen in a few sentences."""

_LISTS = ("paraphrases", "positives", "negatives")


@dataclass(frozen=True, slots=True)
class Property:
    """One property.

    name: as somebody would type it who looks for such texts. paraphrases: the same in other
    words. group: a broad kind, such as `emotion`. positives: texts that have it. negatives: near
    misses, alike in subject, length and register.
    """

    name: str
    paraphrases: tuple[str, ...]
    group: str
    positives: tuple[str, ...]
    negatives: tuple[str, ...]

    @property
    def wordings(self) -> tuple[str, ...]:
        """The name and its paraphrases."""
        return (self.name, *self.paraphrases)

    @property
    def texts(self) -> tuple[str, ...]:
        """All examples, positives first."""
        return (*self.positives, *self.negatives)


def read_properties(path: Path) -> list[Property]:
    """Read a bank: one JSON object a line, compressed if its name ends in `.gz`.

    Raises InputError on the first line that is not a property with at least one positive text.
    """
    properties = []
    for number, line in _lines(path):
        if line.strip():
            properties.append(_parsed(line, f"{path}:{number}"))
    if not properties:
        raise InputError(f"{path} holds no property; wanted one JSON object a line")
    return properties


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            yield from enumerate(file, 1)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a property bank: {error}") from error


def _parsed(line: str, where: str) -> Property:
    try:
        fields: Any = json.loads(line)
    except ValueError as error:
        raise InputError(f"{where} is not JSON ({error}); wanted one property a line") from error
    wanted = {"name", "group", *_LISTS}
    if not isinstance(fields, dict) or set(fields) != wanted:
        seen = ", ".join(fields) if isinstance(fields, dict) else type(fields).__name__
        raise InputError(f"{where} has {seen}; wanted the fields {', '.join(sorted(wanted))}")
    texts = {name: _texts(fields[name], f"{where}: {name}") for name in _LISTS}
    name, group = (_texts([fields[key]], f"{where}: {key}")[0] for key in ("name", "group"))
    if not texts["positives"]:
        raise InputError(f"{where}: {name!r} has no positive text; wanted at least one")
    return Property(name=name, group=group, **texts)


def _texts(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise InputError(f"{where} is {str(value)[:80]!r}; wanted text")
    for text in value:
        if not text.strip() or len(text) > MAX_TEXT:
            raise InputError(
                f"{where} has a text of {len(text):,} characters; wanted 1 to {MAX_TEXT:,}, not "
                "only spaces"
            )
    return tuple(value)
