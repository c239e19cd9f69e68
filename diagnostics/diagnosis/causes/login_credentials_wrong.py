"""User name or password differ from those stored: mistyped, changed, or never set."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="login_credentials_wrong",
    title="The login is refused",
    category="authentication",
    severity="high",
    sentence="The application refuses the credentials of {subject}.",
    signs=codes("login.credentials_refused", certainty=0.92),
    explains=("token.*", "security.failures"),
    actions=("user.password_reset",),
    how_to="how-to/authentication.md",
)
