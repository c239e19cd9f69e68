"""Settle an alarm that somebody has looked into."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from awe_incidents.accounts.roles import Scope
from awe_incidents.reconciliation.errors import ReconciliationError
from awe_incidents.reconciliation.operations import settle_alarm
from awe_incidents.recovery.management.arguments import BECAUSE, WHOSE
from awe_incidents.recovery.management.ending import CODES, REFUSED, plainly
from awe_incidents.recovery.management.identity import identified


class Command(BaseCommand):
    """`manage.py settle_alarm`"""

    help = (
        "Settle an alarm of reconciliation that you have looked into, by your API token and your password, as at the "
        "desk. What was done by hand is recorded as a manual action instead, which settles the alarm, too."
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Say the exit codes below the help, and take no token behind `--token`."""
        kwargs |= {"epilog": CODES, "formatter_class": RawDescriptionHelpFormatter, "allow_abbrev": False}
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the alarm, the reason and the token."""
        parser.add_argument("alarm", type=int, help="its number, as `manage.py reconcile_stacks` lists it")
        parser.add_argument("--because", required=True, metavar="REASON", help=BECAUSE)
        parser.add_argument("--token-file", metavar="FILE", help=WHOSE)

    def handle(self, *args: Any, **options: Any) -> None:
        """Settle."""
        number = options["alarm"]
        with plainly():
            who = identified(Scope.RECOVERY_APPROVE, token_file=options["token_file"])
            who.ask_password(purpose=f"settle alarm:{number}")
            try:
                settle_alarm(alarm_id=number, user=who.user, by=who.by, at=who.at, because=options["because"])
            except ReconciliationError as refusal:
                raise CommandError(str(refusal), returncode=REFUSED) from None
        self.stdout.write(f"alarm {number} is settled")
