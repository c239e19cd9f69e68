"""Probe of tokens (JWT): read header and claims without trusting them, verify with a key, compare keys unseen.

Sources: RFC 7519 (claims), RFC 7518 section 3.2 (an HS256 key has at least 32 bytes), RFC 8725 (allow-list algorithms).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from diagnostics.probes.errors import ProbeFailure
from diagnostics.stack import Tokens

MAX_TOKEN_BYTES = 64_000
MAX_TIME = 1e15  # seconds; no calendar goes that far
TIMES = ("iat", "nbf", "exp")


class TokenUnreadable(ProbeFailure):
    """What was given as a token is none; the text holds nothing of it."""


class SignatureRefused(ProbeFailure):
    """A key does not verify a token; the text is the verifier's reason."""


class KeyUnusable(ProbeFailure):
    """A key cannot be used with the algorithm; says nothing about the token."""


@dataclass(frozen=True, slots=True)
class ReadToken:
    """A token taken apart and not verified; claim values stay out of repr."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any] = field(repr=False)
    size_bytes: int

    @property
    def algorithm(self) -> str:
        """Give the algorithm that the header names, "" where it names none."""
        named = self.header.get("alg")
        return named if isinstance(named, str) else ""

    def time(self, claim: str) -> float | None:
        """Give a time claim in seconds since the epoch, None where it is missing or no number."""
        return time_in(self.claims, claim)


def time_in(claims: Mapping[str, Any], claim: str) -> float | None:
    """Give a time claim in seconds since the epoch, None where it is missing or no number."""
    value = claims.get(claim)
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > MAX_TIME:
        return None  # NaN and infinity, which Python's JSON knows, are no times either
    return float(value) if value == value else None


def in_utc(at: float) -> str:
    """Give epoch seconds as ISO 8601, or say that no calendar holds them."""
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return "outside of any calendar"


def read_token(token: str) -> ReadToken:
    """Take a token apart without verifying it.

    Raises: TokenUnreadable (codes token.too_large, token.encrypted, token.not_a_jwt, token.malformed).
    """
    size_bytes = len(token.encode(errors="surrogatepass"))
    if size_bytes > MAX_TOKEN_BYTES:
        raise TokenUnreadable("token.too_large", f"the token has {size_bytes} bytes; no header carries that")
    segments = token.split(".")
    if len(segments) == 5:
        raise TokenUnreadable("token.encrypted", "the token has 5 segments: it is encrypted (JWE) and cannot be read")
    if len(segments) != 3:
        raise TokenUnreadable("token.not_a_jwt", f"the token has {len(segments)} segments, a JWT has 3")
    return ReadToken(_object(segments[0], "header"), _object(segments[1], "claims"), size_bytes)


def _object(segment: str, part: str) -> dict[str, Any]:
    try:
        data = base64.b64decode(segment + "=" * (-len(segment) % 4), altchars=b"-_", validate=True)
        parsed = json.loads(data)
    except (binascii.Error, ValueError, RecursionError):
        raise TokenUnreadable("token.malformed", f"the token's {part} is not base64url of JSON") from None
    if not isinstance(parsed, dict):
        raise TokenUnreadable("token.malformed", f"the token's {part} is not a JSON object")
    return parsed


def verify_signature(token: str, key: str, tokens: Tokens) -> None:
    """Verify nothing but the signature: times and issuer are other checks' business.

    Raises: SignatureRefused (signature.invalid), KeyUnusable (signature.key_unusable, signature.algorithm).
    """
    try:
        if not any(_is_verified_by(candidate, token, tokens) for candidate in _readings(key)):
            raise SignatureRefused("signature.invalid", "the signature was made with another key")
    except jwt.InvalidAlgorithmError:
        raise KeyUnusable("signature.algorithm", "the token's algorithm is not one that the stack allows") from None
    except (jwt.PyJWTError, TypeError, ValueError, NotImplementedError, UnsupportedAlgorithm):
        raise KeyUnusable("signature.key_unusable", f"the key does not fit {'/'.join(tokens.algorithms)}") from None


def is_signed_with(token: str, key: str, *, algorithm: str) -> bool:
    """Say whether a key, in any of its readings, signed a token, whatever else the token's header demands.

    Raises: KeyUnusable (signature.key_unusable).
    """
    signed, _, signature = token.rpartition(".")
    try:
        rule = jwt.PyJWS().get_algorithm_by_name(algorithm)
        data = base64.b64decode(signature + "=" * (-len(signature) % 4), altchars=b"-_", validate=True)
    except (NotImplementedError, binascii.Error, ValueError):
        return False
    unusable = 0
    readings = list(_readings(key))
    for reading in readings:
        try:
            if rule.verify(signed.encode("utf-8", "surrogatepass"), rule.prepare_key(reading), data):
                return True
        except (jwt.PyJWTError, TypeError, ValueError, UnsupportedAlgorithm):
            unusable += 1
    if unusable == len(readings):
        raise KeyUnusable("signature.key_unusable", f"the key does not fit {algorithm}")
    return False


def _is_verified_by(key: str | bytes, token: str, tokens: Tokens) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)  # `short_key_bytes` is asked for that
        try:
            jwt.PyJWS().decode(token, key, algorithms=list(tokens.algorithms))
        except jwt.InvalidSignatureError:
            return False
    return True


def _readings(key: str) -> Iterator[str | bytes]:
    """Give a key as it stands, then as applications may decode it: base64 in both alphabets, hexadecimal."""
    yield public_part(key)
    if "-----BEGIN" in key:
        return
    text = key.strip()
    padded = text + "=" * (-len(text) % 4)
    with suppress(ValueError):
        yield base64.b64decode(padded, validate=True)
    with suppress(ValueError):
        yield base64.b64decode(padded, altchars=b"-_", validate=True)
    with suppress(ValueError):
        yield bytes.fromhex(text)


def public_part(key: str) -> str:
    """Give the public key of a PEM private key; anything else (a public key, a shared secret) as it is."""
    if "PRIVATE KEY-----" not in key:
        return key
    try:
        private = serialization.load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return key
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return public.decode()


def fingerprint(key: str, *, with_key: bytes) -> str:
    """Give 8 hex digits that are equal for equal keys (for a key pair: of either half) and tell nothing else."""
    compared = "".join(public_part(key).split()) if "-----BEGIN" in key else key
    return hmac.new(with_key, compared.encode(errors="surrogateescape"), hashlib.sha256).hexdigest()[:8]


def short_key_bytes(key: str, algorithm: str) -> int | None:
    """Give the length of a shared secret that is shorter than its algorithm's hash, else None (RFC 7518 3.2)."""
    if not algorithm.startswith("HS") or not algorithm[2:].isdigit():
        return None
    size_bytes = len(key.encode(errors="surrogateescape"))
    return size_bytes if size_bytes < int(algorithm[2:]) // 8 else None
