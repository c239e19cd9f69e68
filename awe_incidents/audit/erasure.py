"""Erasure: a text stands in an entry as a salted commitment, and salt and text beside it, where they can be deleted.

What was signed stays whole. That something was erased, by whom and why, is an entry of its own; a text that is gone
without one was made to disappear.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from awe_incidents.audit import canonical
from awe_incidents.audit.errors import CommitmentBroken

VERB = "entry:erased"  # its subject is the entry, its data say which texts of which event
SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Disclosure:
    """The salt and the text behind a commitment."""

    salt: bytes
    value: str

    @property
    def commitment(self) -> str:
        """Give what the entry holds: `sha256:<hex>` (see `canonical.commitment`)."""
        return canonical.commitment(self.salt, self.value)


def commit(value: str) -> Disclosure:
    """Give a text a salt of its own."""
    return Disclosure(secrets.token_bytes(SALT_BYTES), value)


def check(commitment: str, disclosure: Disclosure) -> None:
    """Check that a text is the one that an entry commits to; raises CommitmentBroken, SaltTooShort, TextNotUnicode."""
    if not hmac.compare_digest(commitment.encode(), disclosure.commitment.encode()):
        raise CommitmentBroken("salt and text are not those that the entry commits to")


def erasure_data(*, event_id: str, fields: Iterable[str]) -> dict[str, Any]:
    """Give the `data` of the entry that tells of an erasure."""
    return {"event": event_id, "fields": sorted(fields)}


def erased(entry: Mapping[str, Any]) -> tuple[str, frozenset[str]] | None:
    """Give which texts of which event an entry says to be erased; None where it tells of something else."""
    if entry.get("verb") != VERB:
        return None
    match entry.get("data"):
        case {"event": str(event), "fields": [*fields]} if all(isinstance(field, str) for field in fields):
            return event, frozenset(fields)
    return None
