"""Tokens that stand where a secret stood: `[REDACTED:<rule>:<8 hex>]`."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

TOKEN_PATTERN = r"\[REDACTED:[a-z0-9-]{1,40}:[0-9a-f]{8}\]"  # noqa: S105 (what stands for a secret is none)
TOKEN_MARK = b"[REDACTED:"


@dataclass(frozen=True, slots=True)
class TokenMint:
    """Makes tokens with one key, so that equal secrets of one stack can be compared and not read."""

    key: bytes = field(repr=False)

    def token(self, *, rule_id: str, secret: bytes) -> bytes:
        """Give the token, with the secret's fingerprint in it."""
        return f"[REDACTED:{rule_id}:{self.fingerprint(secret)}]".encode("ascii")

    def fingerprint(self, secret: bytes) -> str:
        """Give the first 32 bits of HMAC-SHA256 over the secret's bytes, as hex digits."""
        return hmac.new(self.key, secret, hashlib.sha256).hexdigest()[:8]
