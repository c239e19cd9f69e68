"""Somebody tries passwords or forged tokens, or a client goes on with an old password."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="attack_on_login",
    title="Many logins are refused",
    category="authentication",
    severity="high",
    sentence="Far more logins than usual are refused at {subject}, or somebody shows forged tokens there.",
    signs=codes("security.failures", "security.alg_none", certainty=0.6),
    remedy=(
        "See in the evidence of `auth.security_log` which users (as marks) and which addresses are refused.",
        "Where it is a client of your own, give it the right password and restart it.",
        "Otherwise block the addresses at the proxy or firewall, and keep the application's limit on logins.",
        "Where tokens came without a signature, make sure that the application accepts its own algorithm and no other.",
        "Look again after a window of the log has passed: `auth.security_log` must pass.",
    ),
)
