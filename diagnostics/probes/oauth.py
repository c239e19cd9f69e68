"""Probe of an OAuth or OpenID provider: its discovery document and its keys, from the hosts that the stack names only.

Sources: OpenID Connect Discovery 1.0, RFC 8414 (discovery), RFC 7517 (key sets). Both documents come from a stranger:
bounded, never redirected, and an address in them is only followed to a host that the stack's description names.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.exceptions import UnsupportedAlgorithm

from diagnostics.probes.errors import ProbeFailure
from diagnostics.probes.http import Answer, RequestFailure, request
from diagnostics.stack import Endpoint, OAuth, TlsFiles

WELL_KNOWN = "/.well-known/openid-configuration"
MAX_DOCUMENT_BYTES = 500_000
MAX_KEYS = 100
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


class ProviderFailure(ProbeFailure):
    """No document, or one that is none.

    Codes: unreachable, redirected, failed (another status than 200), invalid (no JSON object, or without what it must
    have), foreign_host (an address to a host that the stack does not name, so nothing was fetched).
    """


@dataclass(frozen=True, slots=True)
class Fetched:
    """One document, as received."""

    url: str
    document: Mapping[str, Any] = field(repr=False)
    answer: Answer
    answered_at: float  # epoch seconds


@dataclass(frozen=True, slots=True)
class Key:
    """One public key of a set."""

    id: str
    algorithm: str
    parsed: jwt.PyJWK = field(repr=False)


def discovery_url(oauth: OAuth) -> str:
    """Give where the provider describes itself."""
    if oauth.discovery_url:
        return oauth.discovery_url
    return f"{(oauth.issuer or '').rstrip('/')}{WELL_KNOWN}"


def fetch(url: str, oauth: OAuth, tls: TlsFiles | None, *, seconds: float) -> Fetched:
    """Get a JSON object from a provider.

    Raises: ProviderFailure, NotPermitted (a CA file that may not be read).
    """
    if not is_named(url, oauth):
        text = f"{_place(url) or 'an address without a host'} is no host that the stack names, so nothing was fetched"
        raise ProviderFailure("foreign_host", text)
    parts = urlsplit(url)
    door = Endpoint(name="provider", service="", url=f"{parts.scheme}://{parts.netloc}")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        answer = request(
            door, tls, "GET", path, total_seconds=seconds, max_body_bytes=MAX_DOCUMENT_BYTES, trusts_public=True
        )
    except RequestFailure as failure:
        raise ProviderFailure("unreachable", f"no answer from {_place(url)}: {failure.text}") from None
    return Fetched(url, _document(answer, url), answer, time.time())


def is_named(url: str, oauth: OAuth) -> bool:
    """Say whether the stack names the host of an address, with the same scheme as the provider's own."""
    own, place = urlsplit(discovery_url(oauth)), _place(url)
    if not place or urlsplit(url).scheme != own.scheme or "@" in urlsplit(url).netloc:
        return False
    return place in {_place(discovery_url(oauth)), *(_place(f"{own.scheme}://{one}") for one in oauth.hosts)}


def _place(url: str) -> str:
    """Give host:port in lower case, "" where there is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # a port that is no number, a bracket that is not closed
        return ""
    return f"{parts.hostname}:{port}" if parts.hostname else ""


def _document(answer: Answer, url: str) -> dict[str, Any]:
    where = f"{_place(url)}{urlsplit(url).path}"
    if 300 <= answer.status < 400:
        target = _place(answer.headers.get("location", "")) or "elsewhere on the same host"
        raise ProviderFailure("redirected", f"{where} redirects to {target}, which a probe does not follow")
    if answer.status != 200:
        raise ProviderFailure("failed", f"{where} answered {answer.status}")
    if answer.truncated:
        raise ProviderFailure("invalid", f"{where} is larger than {MAX_DOCUMENT_BYTES} bytes")
    try:
        parsed = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise ProviderFailure("invalid", f"{where} is not JSON") from None
    if not isinstance(parsed, dict):
        raise ProviderFailure("invalid", f"{where} is no JSON object")
    return parsed


def keys_of(document: Mapping[str, Any]) -> list[Key]:
    """Give the keys of a set that can be used to verify; others (for encryption, of unknown kinds) are left out.

    Raises: ProviderFailure (invalid) where there is none.
    """
    entries = document.get("keys")
    keys = list(_keys(entries if isinstance(entries, list) else []))
    if not keys:
        raise ProviderFailure("invalid", "the key set has no key that can verify a signature")
    return keys


def _keys(entries: Sequence[Any]) -> Iterator[Key]:
    for entry in entries[:MAX_KEYS]:
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or entry.get("kty") == "oct":
            continue  # a shared secret has no place in a public document
        try:
            parsed = jwt.PyJWK(entry)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
            continue
        yield Key(str(entry.get("kid", ""))[:200], str(parsed.algorithm_name)[:20], parsed)


def is_signed_by(token: str, key: Key, *, algorithm: str) -> bool:
    """Say whether a key made the signature of a token; times and names are not looked at."""
    if algorithm not in ALGORITHMS:
        return False
    try:
        jwt.PyJWS().decode(token, key.parsed, algorithms=[algorithm])
    except (jwt.PyJWTError, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True
