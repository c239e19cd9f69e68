"""The anchoring program: a process of its own, with the signer's role and a look into its folder."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from awe_incidents.audit import programs


class Command(BaseCommand):
    """`manage.py anchor_trail`"""

    help = (
        "Bring signed checkpoints to witnesses and others outside (AWE_TRAIL_WITNESSES ...) until stopped. "
        "DATABASE_URL is that of incidents_signer, AWE_TRAIL_DIR the signer's folder, of which it reads `log/` only. "
        "`python -m awe_incidents.audit anchor` is the same with half the memory."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the alarm to clear."""
        parser.add_argument("--clear", metavar="NAME", help="clear an alarm that you have looked into, and end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Go on until SIGTERM or SIGINT."""
        sys.exit(programs.clear(options["clear"]) if options["clear"] else programs.anchor())
