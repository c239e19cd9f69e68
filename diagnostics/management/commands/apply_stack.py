"""Create or update a stack from its stack.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from awe_incidents.actor import command, operating_system_user
from diagnostics.operations import apply_stack
from diagnostics.stack import StackInvalid, read_stack


class Command(BaseCommand):
    """`manage.py apply_stack FILE`"""

    help = "Create or update a stack from its stack.toml; shows what changes. The same file again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file."""
        parser.add_argument("file", type=Path, help="the stack.toml; deploy/stack.example.toml explains every key")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, apply, show the difference."""
        try:
            config = read_stack(options["file"])
        except StackInvalid as error:
            problems = "\n".join(f"  {problem}" for problem in error.problems)
            raise CommandError(f"{options['file']} is not a valid stack description:\n{problems}") from None
        applied = apply_stack(config=config, by=command(operating_system_user()), at=timezone.now())
        if not applied.changes:
            self.stdout.write(f"Stack {config.name}: nothing changed.")
            return
        self.stdout.write(f"Stack {config.name}: {'created' if applied.created else 'changed'}.")
        for key, (before, after) in applied.changes.items():
            if before is not None:
                self.stdout.write(self.style.ERROR(f"  - {key} = {before}"))
            if after is not None:
                self.stdout.write(self.style.SUCCESS(f"  + {key} = {after}"))
