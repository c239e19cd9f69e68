"""Store a secret of a stack, encrypted."""

from __future__ import annotations

import getpass
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from awe_incidents.actor import command, operating_system_user
from diagnostics.errors import DiagnosticsError
from diagnostics.operations import set_stack_secret
from diagnostics.queries import stack_named


class Command(BaseCommand):
    """`manage.py set_stack_secret STACK NAME < FILE`"""

    help = "Store a secret for a stack's db:NAME references. The value comes from standard input, never from arguments."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the stack and the secret's name."""
        parser.add_argument("stack", help="name of the stack")
        parser.add_argument("name", help="name of the secret, as in db:NAME")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read the value and store it."""
        value = getpass.getpass("Value: ") if sys.stdin.isatty() else sys.stdin.read().removesuffix("\n")
        try:
            set_stack_secret(
                stack=stack_named(options["stack"]),
                name=options["name"],
                value=value,
                by=command(operating_system_user()),
                at=timezone.now(),
            )
        except DiagnosticsError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Secret {options['name']} of stack {options['stack']} is stored.")
