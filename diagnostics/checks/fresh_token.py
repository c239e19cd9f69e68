"""What the login probe of a run hands over: the token, when it was given, and the cookies; and the skip without."""

from __future__ import annotations

from diagnostics.checks.result import Finding, State
from diagnostics.checks.seeing import Seeing

TOKEN = "auth.token"  # noqa: S105  the name of what is handed over
TOKEN_TIMES = "auth.token_times"  # noqa: S105  when the login was asked and answered, epoch seconds
COOKIES = "auth.cookies"  # names and attributes of the login's cookies, as JSON; never their values


def no_token(seeing: Seeing) -> Finding | None:
    """Give a skip where the login was held back and so gave no token."""
    if TOKEN in seeing.handed:
        return None
    message = "there is no fresh token to look at: the login of this run was not tried"
    return Finding(state=State.SKIP, code="token.none", message=message)
