"""AUT-03: whether every service that signs or verifies tokens really has the same key, and the key fits a fresh token.

The key of each [[tokens.keys]] is read where the service has it (the environment of its process, found by its pid
file, or a secret reference) and compared by keyed fingerprint; of a key pair either half will do. Where the login of
this run gave a token, each key must verify it, too. Keys alone can be compared, so this check looks even where
the login fails: a token signed with one key and refused with the other is found either way.
Pass: `signature.keys_agree`, `signature.key_read` (only one is described). Fail: `signature.keys_differ`,
`signature.invalid` (a key does not verify the fresh token), `signature.key_unusable` (not a key for the stack's
algorithms), `signature.key_empty`. Warn: `signature.short_key` (an HMAC key shorter than its hash, RFC 7518 3.2:
32 bytes for HS256). Error: `signature.key_unreadable`, one per service, says nothing about the key.
Evidence holds fingerprints under a key that is made for this look and forgotten: equal means equal, nothing else.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.fresh_token import TOKEN
from diagnostics.checks.result import Citation, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.signing_keys import UNREADABLE, key_of_service, place_of
from diagnostics.probes.tokens import KeyUnusable, SignatureRefused, fingerprint, short_key_bytes, verify_signature
from diagnostics.stack import StackConfig, Tokens

HASH_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key as a service has it."""

    service: str
    where: str
    value: str = field(repr=False)
    fingerprint: str = ""


@dataclass(frozen=True, kw_only=True)
class TokenSignature(Check):
    """Every key of [[tokens.keys]]."""

    slug: ClassVar[str] = "auth.token_signature"
    title: ClassVar[str] = "Services sign and verify tokens with the same key"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "auth"})
    after: ClassVar[tuple[str, ...]] = ("auth.login_probe",)  # to have its token, whatever else came of it

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where keys are described."""
        return None if stack.tokens and stack.tokens.keys else "the stack describes no [[tokens.keys]]"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Read the keys, compare them, and try each on the fresh token."""
        tokens = seeing.stack.tokens
        assert tokens is not None
        held, unreadable = _read_keys(seeing, tokens)
        used = [one for one in held if one.value]
        lines = [f"{one.service}: {one.where}: {one.fingerprint or 'empty'}" for one in held]
        evidence = seeing.keep("command", source="fingerprints of the signing keys, keyed for this look", content=lines)
        cited = {id(one): evidence.lines(number) for number, one in enumerate(held, start=1)}
        for one in held:
            if not one.value:
                yield _fail("signature.key_empty", one, f"the signing key of {one.service} is empty", cited[id(one)])
        yield from _compared(seeing, used, cited)
        yield from _tried(seeing, used, tokens, cited)
        yield from _short(used, tokens, cited)
        yield from unreadable


def _read_keys(seeing: Seeing, tokens: Tokens) -> tuple[list[HeldKey], list[Finding]]:
    held, unreadable, own = [], [], secrets.token_bytes(32)
    for key in tokens.keys:
        try:
            value = key_of_service(key, environment=seeing.surroundings.environment, resolver=seeing.resolver)
        except UNREADABLE as error:
            message = seeing.clean(f"the signing key of {key.service} could not be read: {error}")
            unreadable.append(
                Finding(state=State.ERROR, code="signature.key_unreadable", message=message, target=key.service)
            )
        else:
            held.append(HeldKey(key.service, place_of(key), value, fingerprint(value, with_key=own) if value else ""))
    return held, unreadable


def _compared(seeing: Seeing, held: Sequence[HeldKey], cited: dict[int, Citation]) -> Iterator[Finding]:
    groups: dict[str, list[HeldKey]] = {}
    for one in held:
        groups.setdefault(one.fingerprint, []).append(one)
    citations = tuple(cited[id(one)] for one in held)
    measured = {"keys": Measurement(len(held)), "different_keys": Measurement(len(groups))}
    if len(groups) > 1:
        reference, *others = sorted(groups.values(), key=lambda group: _weight(seeing.stack, group), reverse=True)
        differing = ", ".join(_names(group) for group in others)
        yield Finding(
            state=State.FAIL,
            code="signature.keys_differ",
            message=f"the token key of {differing} differs from that of {_names(reference)}: "
            "tokens that one signs are refused by the other",
            target=differing,
            measured=measured,
            citations=citations,
        )
    elif held:
        code, said = ("keys_agree", "have the same token key") if len(held) > 1 else ("key_read", "has a token key")
        message = f"{_names(held)} {said}"
        yield Finding(
            state=State.PASS, code=f"signature.{code}", message=message, measured=measured, citations=citations
        )


def _weight(stack: StackConfig, group: Sequence[HeldKey]) -> tuple[int, bool]:
    """Rank groups: the key of most services is taken for the right one, then that of an api, which signs."""
    return len({one.service for one in group}), any(stack.services[one.service].role == "api" for one in group)


def _names(held: Sequence[HeldKey]) -> str:
    return " and ".join(dict.fromkeys(one.service for one in held))


def _tried(seeing: Seeing, held: Sequence[HeldKey], tokens: Tokens, cited: dict[int, Citation]) -> Iterator[Finding]:
    token = seeing.handed.get(TOKEN)
    if token is None:
        return
    for one in held:
        try:
            verify_signature(token, one.value, tokens)
        except SignatureRefused as refused:
            message = f"{one.service} cannot verify the fresh token with its key: {refused.text}"
            yield _fail("signature.invalid", one, message, cited[id(one)])
        except KeyUnusable as unusable:
            if unusable.code == "signature.key_unusable":  # a wrong algorithm is said by auth.token_structure
                message = f"{one.service} has no usable key: {unusable.text}"
                yield _fail(unusable.code, one, message, cited[id(one)])


def _short(held: Sequence[HeldKey], tokens: Tokens, cited: dict[int, Citation]) -> Iterator[Finding]:
    algorithm = tokens.algorithms[0] if tokens.algorithms else ""
    for one in held:
        if (size_bytes := short_key_bytes(one.value, algorithm)) is None:
            continue
        wanted = HASH_BYTES.get(algorithm, 32)
        yield Finding(
            state=State.WARN,
            code="signature.short_key",
            message=f"the {algorithm} key of {one.service} has {size_bytes} bytes, fewer than {wanted}",
            target=one.service,
            measured={"key": Measurement(size_bytes, "byte")},
            threshold=Threshold("key_bytes", wanted, "byte", "default", "RFC 7518 3.2"),
            citations=(cited[id(one)],),
        )


def _fail(code: str, one: HeldKey, message: str, citation: Citation) -> Finding:
    return Finding(state=State.FAIL, code=code, message=message, target=one.service, citations=(citation,))
