"""What exactly is approved: SHA-256 over the canonical JSON (RFC 8785) of the terms (pure)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import rfc8785


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a decision is bound to; a difference in any of it makes another digest."""

    stack: str
    action: str
    version: int
    parameters: Mapping[str, Any]  # secret references only
    fingerprint: str  # hexadecimal SHA-256 of the target's facts
    plan: Mapping[str, Any]
    requester: int
    expires_at: str  # RFC 3339 in UTC, as trail.moment gives it

    @property
    def digest(self) -> str:
        """Give the digest in hexadecimal."""
        return digest_of(asdict(self))


def digest_of(document: Mapping[str, Any]) -> str:
    """Give the SHA-256 of a document's canonical JSON, in hexadecimal."""
    return hashlib.sha256(rfc8785.dumps(dict(document))).hexdigest()
