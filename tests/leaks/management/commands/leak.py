"""A command that gives away secrets."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tests.leaks.canaries import TEXT
from tests.leaks.urls import LEAKS


class Command(BaseCommand):
    """`manage.py leak NAME...`"""

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the ways."""
        parser.add_argument("names", nargs="+")

    def handle(self, *args: Any, **options: Any) -> None:
        """Leak."""
        for name in options["names"]:
            if name == "refusing":
                raise CommandError(TEXT)
            LEAKS[name]()
