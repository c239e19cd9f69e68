"""The application holds an account back after too many failed logins, or slows its logins down."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="account_locked",
    title="The account is locked",
    category="authentication",
    severity="high",
    sentence="{subject} holds back the account that logs in: it is locked, or there were too many attempts.",
    signs=codes("login.locked", "login.rate_limited", certainty=0.93),
    explains=("token.*", "security.failures"),
    remedy=(
        "Read in the evidence of `auth.security_log` from which addresses the account was tried, and how often.",
        "Stop the client that goes on with an old password, or else every unlocking is undone within minutes.",
        "Wait until the lock ends by itself, or unlock the account in the application.",
        "Look again, 5 minutes after the last refusal at the earliest: `auth.login_probe` must pass.",
    ),
    actions=("user.password_reset",),
)
