"""Tell an incident's trail as a story."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from awe_incidents.audit.story import story_of


class Command(BaseCommand):
    """`manage.py trail_story INCIDENT`"""

    help = "Tell the trail of an incident as a story: a sentence for each entry, in the order of the log."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the incident."""
        parser.add_argument("incident", type=int)
        parser.add_argument("--without-texts", action="store_true", help="name nobody, and give no reasons")

    def handle(self, *args: Any, **options: Any) -> None:
        """Tell it."""
        lines = list(story_of(options["incident"], with_texts=not options["without_texts"]))
        if not lines:
            raise CommandError(f"the trail has no entry of incident {options['incident']}")
        self.stdout.write("\n".join(lines))
