"""The form of an API token: `awe_<prefix>_<secret>` (pure)."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field

_FORM = re.compile(r"awe_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token at the only moment when its text is known."""

    prefix: str
    text: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """Give what is stored of it."""
        return digest_of(self.text)


def new_token() -> NewToken:
    """Make a token of 32 random bytes; its prefix is public and names it in logs."""
    prefix = secrets.token_hex(4)
    return NewToken(prefix, f"awe_{prefix}_{secrets.token_urlsafe(32)}")


def has_token_form(text: str) -> bool:
    """Say whether a text could be a token at all, so that nonsense costs no query."""
    return _FORM.fullmatch(text) is not None


def digest_of(text: str) -> bytes:
    """Give the SHA-256 of a token."""
    return hashlib.sha256(text.encode()).digest()
