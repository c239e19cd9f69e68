"""Too many failed logins: the application holds the account back for a while."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="account_locked",
    title="The account is locked",
    category="authentication",
    severity="high",
    sentence="The application says that the account of {subject} is locked.",
    signs=codes("login.locked", "login.rate_limited", certainty=0.93),
    explains=("token.*", "security.failures"),
    actions=("user.password_reset",),
    how_to="how-to/authentication.md",
)
