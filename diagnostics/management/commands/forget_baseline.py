"""Forget what was usual on a stack."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from awe_incidents.actor import command, operating_system_user
from diagnostics.checks.registry import UnknownCheck
from diagnostics.errors import DiagnosticsError
from diagnostics.operations import forget_baseline
from diagnostics.queries import stack_named


class Command(BaseCommand):
    """`manage.py forget_baseline STACK --because REASON [--check SLUG]`"""

    help = "Forget what was usual on a stack, after a change that makes other values right; the next runs learn anew."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the stack, the reason and one check."""
        parser.add_argument("stack", help="name of the stack")
        parser.add_argument("--because", required=True, help="why, for the trail")
        parser.add_argument("--check", default="", help="one check only, as in network.http_timing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Forget."""
        try:
            number = forget_baseline(
                stack=stack_named(options["stack"]),
                slug=options["check"],
                by=command(operating_system_user()),
                at=timezone.now(),
                because=options["because"],
            )
        except (DiagnosticsError, UnknownCheck) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{number} baseline(s) of stack {options['stack']} forgotten.")
