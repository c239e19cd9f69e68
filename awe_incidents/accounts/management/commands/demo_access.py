"""Make the people of the demonstration and print their tokens."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.operations import create_user, issue_token
from awe_incidents.accounts.roles import Role, scopes_of
from awe_incidents.actor import Actor, command, operating_system_user
from awe_incidents.env import PRODUCTION, mode

PEOPLE = {"demo-reporter": {Role.REPORTER}, "demo-operator": {Role.OPERATOR, Role.AUDITOR}}


class Command(BaseCommand):
    """`manage.py demo_access`"""

    help = "Make a reporter and an operator with tokens for one day, and print them as JSON; development only."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make or find them; each call gives new tokens and a new password for the operator's triage desk."""
        if mode() == PRODUCTION:
            raise CommandError("this is for demonstrations: in production make people with create_user")
        by = command(operating_system_user())
        found = {name: self._person(name, roles, by) for name, roles in PEOPLE.items()}
        operator = found["demo-operator"]
        password = secrets.token_urlsafe(12)
        operator.set_password(password)
        operator.is_staff = True
        operator.save(update_fields=["password", "is_staff"])
        tokens = {name: self._token(user, by) for name, user in found.items()}
        self.stdout.write(json.dumps({"tokens": tokens, "desk": {"user": operator.username, "password": password}}))

    def _person(self, name: str, roles: set[Role], by: Actor) -> User:
        known = User.objects.filter(username=name).first()
        return known or create_user(username=name, roles=roles, password=None, by=by, at=timezone.now())

    def _token(self, user: User, by: Actor) -> str:
        now = timezone.now()
        token = issue_token(
            user=user, name="demo", scopes=scopes_of(user.roles), expires_at=now + timedelta(days=1), by=by, at=now
        )
        return token.text
