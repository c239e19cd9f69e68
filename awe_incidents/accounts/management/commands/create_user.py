"""Create a person with roles."""

from __future__ import annotations

import getpass
import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from awe_incidents.accounts.errors import AccountsError
from awe_incidents.accounts.operations import create_user
from awe_incidents.accounts.roles import Role
from awe_incidents.actor import command, operating_system_user


class Command(BaseCommand):
    """`manage.py create_user NAME --role operator`"""

    help = "Create a person with roles; with --password they can use the triage desk, else API tokens only."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take name and roles."""
        parser.add_argument("username")
        parser.add_argument("--role", action="append", choices=list(Role), required=True, help="may be given again")
        parser.add_argument(
            "--password", action="store_true", help="ask for a password, or read it from standard input"
        )

        parser.add_argument("--email", default="", help="where notices go, such as that of a break-glass")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create."""
        password = _password() if options["password"] else None
        try:
            create_user(
                username=options["username"],
                roles=[Role(role) for role in options["role"]],
                password=password,
                email=options["email"],
                by=command(operating_system_user()),
                at=timezone.now(),
            )
        except AccountsError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Created {options['username']} as {', '.join(sorted(set(options['role'])))}.")


def _password() -> str:
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    try:
        validate_password(password)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from None
    return password
