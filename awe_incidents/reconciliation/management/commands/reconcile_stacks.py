"""Compare engines with executions at once, whatever is due."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from awe_incidents.reconciliation import operations, queries
from diagnostics.errors import UnknownStack
from diagnostics.models import Stack
from diagnostics.queries import stack_named


class Command(BaseCommand):
    """`manage.py reconcile_stacks`"""

    help = (
        "Look at what the engines of stacks tell since the last look, raise what nobody approved, and list the open "
        "alarms (docs/audit.md). Beat does the same every few seconds. Exit code 1: an alarm is open, or an engine "
        "could not be looked at."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take names."""
        parser.add_argument("names", nargs="*", metavar="STACK", help="all that have an engine, where none is named")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, tell, and end with 1 where there is something to see to."""
        failures = 0
        for stack in _stacks(options["names"]):
            done = operations.reconcile_stack(stack_id=stack.pk, at=timezone.now(), is_due=False)
            failures += bool(done.failure)
            words = f"{done.events} events that changed something, {done.alarms} new alarms" if done.looked else "-"
            self.stdout.write(f"{stack.name}: {done.failure or words}")
        alarms = list(queries.open_alarms())
        for alarm in alarms:
            at = f"{alarm.first_at:%Y-%m-%dT%H:%M:%SZ}"
            self.stdout.write(f"ALARM {alarm.pk} of stack {alarm.stack.name}, {at}: {alarm.says}")
        if alarms or failures:
            raise SystemExit(1)


def _stacks(names: list[str]) -> list[Stack]:
    try:
        named = [stack_named(name) for name in names]
    except UnknownStack as unknown:
        raise CommandError(str(unknown)) from None
    return named or list(Stack.objects.filter(document__has_key="engine").order_by("name"))
