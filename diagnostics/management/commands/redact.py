"""Redact standard input to standard output."""

from __future__ import annotations

import secrets
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from diagnostics.errors import DiagnosticsError
from diagnostics.queries import redactor_of, stack_named
from diagnostics.redaction import RedactionFailed, Redactor
from diagnostics.redaction.filter import filter_stream


class Command(BaseCommand):
    """`manage.py redact < IN > OUT`"""

    help = (
        "Redact standard input to standard output with the code that redacts evidence; "
        "what was removed is counted on standard error."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the stack whose redactor to use."""
        parser.add_argument(
            "--stack", help="use this stack's redactor: its own secrets by value, marks comparable with its evidence"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Filter."""
        try:
            stack = options["stack"]
            redactor = redactor_of(stack_named(stack)) if stack else Redactor(secrets.token_bytes(32))
            receipt = filter_stream(sys.stdin.buffer, sys.stdout.buffer, redactor)
        except (DiagnosticsError, RedactionFailed) as error:
            raise CommandError(str(error)) from None
        removed = ", ".join(f"{count} {rule}" for rule, count in sorted(receipt.counts.items())) or "nothing"
        self.stderr.write(f"Removed: {removed} (rules {receipt.rule_set_version}).")
