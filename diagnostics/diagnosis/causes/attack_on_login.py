"""Somebody tries passwords, or a client goes on with an old one."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="attack_on_login",
    title="Many logins are refused",
    category="authentication",
    severity="high",
    sentence="{subject} refuses far more logins than usual.",
    signs=codes("security.failures", "security.alg_none", certainty=0.6),
    how_to="how-to/authentication.md",
)
