"""Change the roles of a person."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.operations import set_roles
from awe_incidents.accounts.roles import Role
from awe_incidents.actor import command, operating_system_user


class Command(BaseCommand):
    """`manage.py set_roles NAME --role auditor --because "changed teams"`"""

    help = "Give a person exactly these roles, none without --role; tokens lose at once what the roles do not allow."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take person, roles and reason."""
        parser.add_argument("username")
        parser.add_argument("--role", action="append", choices=list(Role), default=[], help="may be given again")
        parser.add_argument("--because", required=True, help="the reason, for the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        """Change."""
        try:
            user = User.objects.get(username=options["username"])
        except User.DoesNotExist:
            raise CommandError(f"there is no person {options['username']}; make one with create_user") from None
        user = set_roles(
            user=user,
            roles={Role(role) for role in options["role"]},
            by=command(operating_system_user()),
            at=timezone.now(),
            because=options["because"].strip(),
        )
        self.stdout.write(f"{user.username} is now {', '.join(user.roles) or 'without a role'}.")
