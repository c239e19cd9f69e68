"""Whoever wants to can make such a token, or the application takes tokens that were made for others."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="token_unsafe",
    title="Tokens are not protected",
    category="authentication",
    severity="critical",
    sentence="Tokens of {subject} are unsigned, of another issuer or signed with a key that is too weak.",
    signs=codes(
        "token.alg_none",
        "token.alg_not_allowed",
        "token.issuer",
        "token.own_key",
        "token.critical",
        "signature.algorithm",
        "signature.short_key",
        certainty=0.9,
    ),
    how_to="how-to/authentication.md",
)
