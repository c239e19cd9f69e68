"""Erase texts behind commitments of an entry."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from awe_incidents.actor import command, operating_system_user
from awe_incidents.audit.erasing import erase_texts
from awe_incidents.audit.errors import AuditError


class Command(BaseCommand):
    """`manage.py erase EVENT_ID because --because "asked for by the person"`"""

    help = (
        "Erase texts behind commitments of an entry, all of them where none is named; the entry itself stays, and an "
        "entry of its own tells of the erasure. Bundles that were exported before keep the texts."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take entry, texts and reason."""
        parser.add_argument("event_id", type=UUID, help="the id that stands in the entry")
        parser.add_argument("field", nargs="*", help="such as because, actor.name, private.note")
        parser.add_argument("--because", required=True, help="the reason, for the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        """Erase."""
        try:
            gone = erase_texts(
                event_id=options["event_id"],
                fields=options["field"],
                by=command(operating_system_user()),
                at=timezone.now(),
                because=options["because"],
            )
        except AuditError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Erased {', '.join(gone)} of entry {options['event_id']}.")
