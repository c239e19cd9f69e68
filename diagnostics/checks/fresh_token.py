"""The token that the login probe of a run hands over, and the skip where there is none."""

from __future__ import annotations

from diagnostics.checks.result import Finding, State
from diagnostics.checks.seeing import Seeing

TOKEN = "auth.token"  # noqa: S105  the name of what is handed over


def no_token(seeing: Seeing) -> Finding | None:
    """Give a skip where the login was held back and so gave no token."""
    if TOKEN in seeing.handed:
        return None
    message = "there is no fresh token to look at: the login of this run was not tried"
    return Finding(state=State.SKIP, code="token.none", message=message)
