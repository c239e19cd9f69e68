"""Settle an alarm that somebody has looked into."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from awe_incidents.actor import command, operating_system_user
from awe_incidents.reconciliation.errors import ReconciliationError
from awe_incidents.reconciliation.operations import end_alarm


class Command(BaseCommand):
    """`manage.py settle_alarm`"""

    help = (
        "Settle an alarm of reconciliation that you have looked into; the trail keeps who did and why. What was done "
        "by hand is recorded as a manual action instead, which settles the alarm, too."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the alarm and the reason."""
        parser.add_argument("alarm", type=int, help="its number, as `manage.py reconcile_stacks` lists it")
        parser.add_argument("--because", required=True, metavar="REASON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Settle."""
        by = command(operating_system_user())
        try:
            end_alarm(alarm_id=options["alarm"], by=by, at=timezone.now(), because=options["because"])
        except ReconciliationError as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"alarm {options['alarm']} is settled")
