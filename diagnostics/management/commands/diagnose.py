"""Look at a stack from the shell; the same as `python -m diagnostics`, with the same exit codes."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from diagnostics.__main__ import run


class Command(BaseCommand):
    """`manage.py diagnose stack.toml`"""

    help = "Look at a stack and print what the checks found (wraps `python -m diagnostics`, whose options it takes)."
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        """Hand the arguments over as they are."""
        sys.exit(run(argv[2:], program="manage.py diagnose"))

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what the module's own command line takes."""
        parser.add_argument("arguments", nargs="*")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve `call_command`."""
        sys.exit(run(list(options["arguments"]), program="manage.py diagnose"))
