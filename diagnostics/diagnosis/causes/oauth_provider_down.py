"""Logins go by way of a provider that does not answer, or whose keys or name are not those described."""

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
    remedy=(
        (
            "Read its discovery document: `curl -v ISSUER/.well-known/openid-configuration` shows whether it "
            "answers, and as whom."
        ),
        "Where it does not answer, ask who runs it, and see whether DNS, proxy and firewall let the stack out.",
        (
            "Where issuer or keys differ, correct the issuer in the application's configuration, or have it fetch "
            "the keys anew."
        ),
        "Do not switch off the verification of signature or issuer to get by.",
        "Look again: `auth.oauth_provider` and `auth.login_probe` must pass.",
    ),
)
