"""A document: one text with an identity that depends on nothing but its origin."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as _field
from typing import TypeAlias
from uuid import UUID, uuid5

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"

NAMESPACE = UUID("e4944931-f9d0-4b3f-ab0f-a36ee063af1c")
"""Never changes: every point id of every index ever written derives from it."""


@dataclass(frozen=True, slots=True)
class Document:
    """One field of one record.

    doc_id: the record's own id, unique within `dataset` and shared by all fields of a record.
    field: name of the text field. text: valid Unicode without NUL, not blank.
    metadata: the record's other fields, without empty values.
    """

    doc_id: str
    dataset: str
    field: str
    text: str
    metadata: Mapping[str, JSON] = _field(default_factory=dict)

    @property
    def point_id(self) -> str:
        """UUIDv5 of dataset, doc_id and field: the same in every run, order and machine."""
        return str(uuid5(NAMESPACE, f"{self.dataset}\x1f{self.doc_id}\x1f{self.field}"))

    @property
    def content_hash(self) -> str:
        """First 16 hex digits of the SHA-256 of text and metadata: tells changed from same."""
        content = self.text.encode() + b"\0" + canonical_json(self.metadata).encode()
        return hashlib.sha256(content).hexdigest()[:16]


def canonical_json(value: JSON) -> str:
    """One spelling per value: sorted keys, no spaces, no escapes beyond JSON's own.

    Raises ValueError on NaN and infinities, which JSON does not have.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
