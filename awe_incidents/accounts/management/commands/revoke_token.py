"""End an API token."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from awe_incidents.accounts.errors import AccountsError
from awe_incidents.accounts.models import ApiToken
from awe_incidents.accounts.operations import revoke_token
from awe_incidents.actor import command, operating_system_user


class Command(BaseCommand):
    """`manage.py revoke_token PREFIX --because "lost laptop"`"""

    help = "End an API token at once. Its prefix is the part between the two underscores: awe_PREFIX_..."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the token's public part, and why."""
        parser.add_argument("prefix")
        parser.add_argument("--because", required=True, help="the reason, for the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        """Revoke."""
        try:
            token = ApiToken.objects.select_related("user").get(prefix=options["prefix"])
            revoke_token(
                token=token, by=command(operating_system_user()), at=timezone.now(), because=options["because"].strip()
            )
        except ApiToken.DoesNotExist:
            raise CommandError(
                "there is no token with this prefix; give the part between the two underscores, never the whole token"
            ) from None
        except AccountsError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Revoked token {token.prefix} of {token.user.username}.")
