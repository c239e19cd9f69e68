"""The user name or password of a login is not what the application has: mistyped, changed, or never set."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="login_credentials_wrong",
    title="The login is refused",
    category="authentication",
    severity="high",
    sentence="{subject} refuses the user name or password of the login.",
    signs=codes("login.credentials_refused", certainty=0.92),
    explains=("token.*", "security.failures"),
    remedy=(
        "Find out whether only the account of the check is refused, or people are, too (`auth.security_log`).",
        "Do not try one password after the other, as that locks the account.",
        "Set a new password for it in the application, and put the same where the stack's description takes it from.",
        "Look again, 5 minutes after the last refusal at the earliest: `auth.login_probe` must pass.",
    ),
    actions=("user.password_reset",),
)
