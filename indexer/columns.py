"""Which fields of a record are its text and its id."""

from collections.abc import Sequence
from dataclasses import dataclass

from glassdex.errors import InputError
from glassdex.indexer.metadata import cell_value
from glassdex.indexer.record import Record

TEXT_NAMES = ("text", "content", "body", "document", "abstract")
ID_NAMES = ("id", "_id", "doc_id")
HEAD_RECORDS = 100

_NAMES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Columns:
    """text: names of the text fields, each a document of its own. id: name of the id field.

    id_required: a record without an id fails, instead of being named by the hash of its text.
    """

    text: tuple[str, ...]
    id: str | None = None
    id_required: bool = False


def choose_columns(
    head: Sequence[Record],
    name: str,
    *,
    text_fields: Sequence[str] = (),
    id_field: str | None = None,
    untyped: bool = False,
) -> Columns:
    """The text and id fields of a table, from its first records.

    What the user named must occur in at least one of them. Otherwise the text is the first of
    TEXT_NAMES that occurs, else the only field that holds text besides the id. untyped: every
    value is a string, so that numbers have to be told from text by their spelling.

    Raises InputError naming the fields seen.
    """
    seen = list(dict.fromkeys(key for record in head for key in record.values))
    for wanted in (*text_fields, *([id_field] if id_field else [])):
        if wanted not in seen:
            option = "--id-field" if wanted not in text_fields else "--text-field"
            raise InputError(
                f"{name}: none of the first {len(head)} records has the field {wanted!r}; "
                f"fields seen: {_list(seen)}. Choose one of them with {option}"
            )
    chosen_id = id_field or next((key for key in ID_NAMES if key in seen), None)
    text = tuple(text_fields) or (_detect_text(head, seen, name, chosen_id, untyped=untyped),)
    return Columns(text, chosen_id, id_required=id_field is not None)


def settled(record: Record, text_fields: Sequence[str], id_field: str | None) -> bool:
    """Whether this record alone decides the choice, so that no more of the head is needed."""
    fields = record.values.keys()
    has_id = id_field in fields if id_field else not fields.isdisjoint(ID_NAMES)
    return has_id and fields >= set(text_fields or TEXT_NAMES[:1])


def _detect_text(
    head: Sequence[Record], seen: Sequence[str], name: str, id_field: str | None, *, untyped: bool
) -> str:
    for key in TEXT_NAMES:
        if key in seen:
            return key
    candidates = [key for key in seen if key != id_field and _holds_text(head, key, untyped)]
    if len(candidates) == 1:
        return candidates[0]
    found = f"{len(candidates)} fields hold text ({_list(candidates)})" if candidates else ""
    raise InputError(
        f"{name}: no field is called {', '.join(TEXT_NAMES[:-1])} or {TEXT_NAMES[-1]}, and "
        f"{found or 'no field holds text'}; fields seen: {_list(seen)}. "
        "Choose one with --text-field NAME"
    )


def _holds_text(head: Sequence[Record], key: str, untyped: bool) -> bool:
    values = [value for record in head if (value := record.values.get(key)) not in (None, "")]
    if untyped:
        values = [cell_value(value) for value in values]
        return any(isinstance(value, str) for value in values)
    return bool(values) and all(isinstance(value, str) for value in values)


def _list(names: Sequence[str]) -> str:
    shown = [str(name) for name in names[:_NAMES_SHOWN]]
    more = [f"and {len(names) - _NAMES_SHOWN} more"] if len(names) > _NAMES_SHOWN else []
    return ", ".join(shown + more) or "none"
