"""Issue an API token."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from awe_incidents.accounts.errors import AccountsError
from awe_incidents.accounts.models import User
from awe_incidents.accounts.operations import issue_token
from awe_incidents.accounts.roles import Scope, scopes_of
from awe_incidents.actor import command, operating_system_user


class Command(BaseCommand):
    """`manage.py create_token NAME`"""

    help = "Issue an API token; its text is printed once, on standard output, and is nowhere stored."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take person, scopes and lifetime."""
        parser.add_argument("username")
        parser.add_argument("--name", default="command line", help="what the token is for")
        parser.add_argument(
            "--scope",
            action="append",
            choices=list(Scope),
            help="may be given again; default: all that the roles allow",
        )
        parser.add_argument("--days", type=int, default=90, help="days until it ends (default 90)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Issue."""
        now = timezone.now()
        try:
            user = User.objects.get(username=options["username"])
            token = issue_token(
                user=user,
                name=options["name"],
                scopes={Scope(scope) for scope in options["scope"] or scopes_of(user.roles)},
                expires_at=now + timedelta(days=options["days"]),
                by=command(operating_system_user()),
                at=now,
            )
        except User.DoesNotExist:
            raise CommandError(f"there is no person {options['username']}; make one with create_user") from None
        except OverflowError:
            raise CommandError(f"{options['days']} days are too many") from None
        except AccountsError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(token.text)
