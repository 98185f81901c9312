"""JSON Lines: one object per line."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from glassdex.errors import InputError
from glassdex.indexer.failures import Failure, excerpt
from glassdex.indexer.lines import Line, not_utf8, read_lines, too_long
from glassdex.indexer.record import Record
from glassdex.indexer.source_file import SourceFile


def read_jsonl(file: SourceFile, max_bytes: int) -> Iterator[Record | Failure]:
    """Every object of a file; blank lines separate and are passed over.

    Raises InputError when the file turns out to be one JSON document instead.
    """
    first = True
    for line in read_lines(file, max_bytes):
        if isinstance(line, Failure):
            yield line
        elif not line.data.isspace() and line.data:
            if first:
                _refuse_single_document(line, file.name)
            first = False
            yield _parse(line, file.name, max_bytes)


def _parse(line: Line, name: str, max_bytes: int) -> Record | Failure:
    value = parse_object(line, max_bytes)
    if isinstance(value, str):
        return Failure(name, value, line=line.number, excerpt=excerpt(line.data))
    return Record(line.number, value)


def parse_object(line: Line, max_bytes: int) -> Mapping[str, Any] | str:
    """The object on a line, or the reason why there is none."""
    if line.cut:
        return too_long(line, max_bytes)
    try:
        value = json.loads(line.data.decode())
    except UnicodeDecodeError as error:
        return not_utf8(error)
    except json.JSONDecodeError as error:
        return f"malformed JSON: {error.msg} at column {error.colno}"
    except (ValueError, RecursionError) as error:
        return f"JSON that cannot be read: {error}"
    if not isinstance(value, dict):
        return f'not a JSON object but {_kind(value)}: wanted {{"text": ...}} on each line'
    return value


def _refuse_single_document(line: Line, name: str) -> None:
    """Tell a file of one JSON document by its first line, before every line of it fails."""
    start = line.data.strip()
    whole = name.lower().removesuffix(".gz").endswith(".json")
    if start.startswith(b"[") and (line.cut or whole or not _is_json(start)):
        raise InputError(
            f"{name} holds one JSON array, wanted one object per line: "
            f"jq -c '.[]' converts it (then name it .jsonl)"
        )
    if start == b"{":
        raise InputError(
            f"{name} holds JSON spread over several lines, wanted one object per line: "
            "jq -c . converts it (then name it .jsonl)"
        )


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _kind(value: object) -> str:
    names = {list: "an array", str: "a string", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")
