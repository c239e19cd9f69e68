"""Who asks: a person by their token, and by their password again where a decision needs it; never the system's user."""

from __future__ import annotations

import getpass
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.core.management.base import CommandError
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.operations import note_token_use, reauthenticate
from awe_incidents.accounts.queries import usable_scopes, usable_token
from awe_incidents.accounts.roles import Scope
from awe_incidents.accounts.secrets import has_token_form
from awe_incidents.actor import Actor
from awe_incidents.recovery.management.ending import NOT_ALLOWED

STANDARD_INPUT = "-"
OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class Who:
    """A person who came by a token."""

    user: User
    by: Actor
    at: datetime

    def ask_password(self, *, purpose: str) -> None:
        """See that the person is there. Raises: TooManyTries, WrongPassword, TrailUnavailable."""
        password = ask_secret(f"Password of {self.user.username}: ")
        reauthenticate(user=self.user, password=password, by=self.by, at=self.at, purpose=purpose)


def identified(scope: Scope, *, token_file: str | None) -> Who:
    """Give the person behind a token that has this scope, as the API does.

    Raises: CommandError.
    """
    at, token = timezone.now(), usable_token(_token_text(token_file))
    if token is None:
        raise CommandError(
            "this token is not valid: unknown, expired or revoked; an administrator issues one with "
            "manage.py create_token",
            returncode=NOT_ALLOWED,
        )
    if scope not in usable_scopes(token):
        raise CommandError(
            f"this takes the scope {scope}: the token lacks it, or {token.user.username} lacks the role for it",
            returncode=NOT_ALLOWED,
        )
    note_token_use(token=token, at=at)
    user = token.user
    return Who(user, Actor(kind="user", name=user.username, user_id=user.pk, token_prefix=token.prefix), at)


def ask_secret(prompt: str) -> str:
    """Ask a person without showing it; without a terminal take a line of standard input."""
    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")


def ask(prompt: str) -> str:
    """Ask a person; without a terminal there is nobody to ask, and the answer is empty."""
    return input(prompt) if sys.stdin.isatty() else ""


def _token_text(token_file: str | None) -> str:
    """Read a token.

    Raises: CommandError.
    """
    if token_file is None or token_file == STANDARD_INPUT:
        return ask_secret("Token: ").strip()
    if has_token_form(token_file):
        raise CommandError(
            "that is a token and no file, and others may have seen it in the list of processes: revoke it, "
            "manage.py revoke_token",
            returncode=NOT_ALLOWED,
        )
    path = Path(token_file)
    try:
        if path.stat().st_mode & OTHERS:
            raise CommandError(f"others can read {path}; set its mode to 0600, and think of a new token", returncode=4)
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no token"
        raise CommandError(f"{path} cannot be read: {reason}", returncode=NOT_ALLOWED) from None
