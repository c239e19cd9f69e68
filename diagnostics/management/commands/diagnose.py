"""Look at a stack from the shell; the same as `python -m diagnostics`."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from diagnostics.__main__ import main


class Command(BaseCommand):
    """`manage.py diagnose stack.toml`"""

    help = "Look at a stack and print what the checks found (wraps `python -m diagnostics`, whose options it takes)."
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        """Hand the arguments over as they are."""
        main(args=argv[2:], prog_name="manage.py diagnose")

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what the module's own command line takes."""
        parser.add_argument("arguments", nargs="*")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve `call_command`."""
        sys.exit(main(args=list(options["arguments"]), prog_name="manage.py diagnose", standalone_mode=False))
