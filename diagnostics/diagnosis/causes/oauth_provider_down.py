"""Logins go by a provider that does not answer, or whose keys and name are others than described."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="oauth_provider_down",
    title="The identity provider does not work",
    category="authentication",
    severity="high",
    sentence="The identity provider at {subject} cannot be used.",
    signs=codes(
        "oauth.unreachable", "oauth.issuer_differs", "oauth.key_unknown", "oauth.signature_invalid", certainty=0.88
    ),
    explains=("oauth.*", "login.*"),
    how_to="how-to/authentication.md",
)
