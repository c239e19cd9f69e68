"""Change to which address a person is written."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from awe_incidents.accounts.errors import AccountsError
from awe_incidents.accounts.models import User
from awe_incidents.accounts.operations import set_email
from awe_incidents.actor import command, operating_system_user


class Command(BaseCommand):
    """`manage.py set_email NAME somebody@example.org --because "is on call"`"""

    help = "Give a person the address that notices go to, none without ADDRESS."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take person, address and reason."""
        parser.add_argument("username")
        parser.add_argument("address", nargs="?", default="")
        parser.add_argument("--because", required=True, help="the reason, for the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        """Change."""
        try:
            user = User.objects.get(username=options["username"])
        except User.DoesNotExist:
            raise CommandError(f"there is no person {options['username']}; make one with create_user") from None
        try:
            user = set_email(
                user=user,
                email=options["address"],
                by=command(operating_system_user()),
                at=timezone.now(),
                because=options["because"].strip(),
            )
        except AccountsError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{user.username} is written to at {user.email}." if user.email else "Nobody writes to them.")
