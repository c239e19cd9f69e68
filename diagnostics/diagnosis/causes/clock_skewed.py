"""Tokens and certificates are judged by clocks; one that is off refuses what is good."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="clock_skewed",
    title="Clocks disagree",
    category="authentication",
    severity="high",
    sentence="The clock of {subject} is off.",
    signs=codes("clock.skewed", "oauth.clock_skewed", certainty=0.92),
    explains=("token.*", "certificate.not_yet_valid", "login.token_rejected", "oauth.*"),
    how_to="how-to/authentication.md",
)
