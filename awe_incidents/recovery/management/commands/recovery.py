"""Ask for recovery actions, decide on them and carry them out from the shell, as over HTTP and at the desk."""

from __future__ import annotations

from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from awe_incidents.recovery.management import arguments, records, steps, times
from awe_incidents.recovery.management.calling import Telling
from awe_incidents.recovery.management.ending import CODES, plainly

STEPS: Mapping[str, Callable[[Mapping[str, Any], Telling], None]] = {
    "actions": steps.actions,
    "plan": steps.plan,
    "request": steps.request,
    "approve": steps.approve,
    "deny": steps.deny,
    "withdraw": steps.withdraw,
    "cancel": steps.cancel,
    "break-glass": steps.break_glass,
    "review": steps.review,
    "status": steps.status,
    "follow": steps.follow_request,
    "execute": steps.execute,
    "probe": steps.probe,
    "resolve": steps.resolve,
    "times": times.times,
    "freeze": times.freeze,
    "lift": times.lift,
    "declare-window": times.declare_window,
    "close-window": times.close_window,
    "record": records.record,
    "journal": records.journal,
}


class Command(BaseCommand):
    """`manage.py recovery STEP ...`"""

    help = (
        "Recovery for the hour in which the web is down: the same requests, decisions and executions as over HTTP, by "
        "your API token and, to approve, your password. Needs our PostgreSQL, neither web nor Redis nor worker."
    )
    requires_system_checks: list[str] = []  # some of them ask the database

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Say the exit codes below the help."""
        return super().create_parser(
            prog_name, subcommand, epilog=CODES, formatter_class=RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take every step."""
        arguments.add_all(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Take one step."""
        telling = Telling(self._write, as_json=options["json"])
        with plainly():
            STEPS[options["step"]](options, telling)

    def _write(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()  # who follows looks on
