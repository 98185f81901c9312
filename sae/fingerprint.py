"""All that fixes a vector's meaning, as one hash: vectors of two fingerprints never mix."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from glassdex.errors import FingerprintError

SCHEMA = 2
"""Version of the stored layout; raised when stored vectors change their meaning."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Named facts (reader, revision, layer, SAE weights, pooling, window, words, schema)."""

    fields: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of the fields."""
        text = json.dumps(self.fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def differences(self, other: "Fingerprint") -> list[str]:
        """Names of the fields in which two fingerprints differ, sorted."""
        names = self.fields.keys() | other.fields.keys()
        return sorted(n for n in names if self.fields.get(n) != other.fields.get(n))


def require_same(wanted: Fingerprint, found: Fingerprint, *, where: str) -> None:
    """Refuse to mix vectors.

    Raises FingerprintError naming every differing field with both values, and what to do.
    """
    differing = wanted.differences(found)
    if differing:
        changes = "; ".join(
            f"{name} is {found.fields.get(name)!r} there and {wanted.fields.get(name)!r} here"
            for name in differing
        )
        raise FingerprintError(
            f"{where} was made with other vectors: {changes}. Use the same reader, SAE "
            "and options, or another index"
        )
