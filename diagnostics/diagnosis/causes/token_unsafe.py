"""Anybody can make such a token, or the application takes tokens that were made for others."""

from __future__ import annotations

from diagnostics.diagnosis.cause import TROUBLED, Cause, codes

CAUSE = Cause(
    slug="token_unsafe",
    title="Tokens are not protected",
    category="authentication",
    severity="critical",
    sentence="Tokens of {subject} are unsigned, of another issuer or signed with a key that is too weak.",
    signs=(
        *codes("token.alg_none", "token.alg_not_allowed", "token.issuer", certainty=0.9),
        *codes("signature.short_key", certainty=0.7, states=TROUBLED),
    ),
    remedy=(
        "See what is wrong in the findings of `auth.token_structure` and `auth.token_signature`.",
        "Have the issuer sign with one algorithm, and the others accept that one and this issuer only.",
        "Where the key is short, make a new one with `openssl rand -base64 64`, and set it at all services at once.",
        "Restart them and end all sessions, as a forged token cannot be told from a good one.",
        "Look again: `auth.token_structure` and `auth.token_signature` must pass.",
    ),
)
