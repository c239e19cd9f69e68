"""The sequencer: a process of its own."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from awe_incidents.audit import programs


class Command(BaseCommand):
    """`manage.py sequence_trail`"""

    help = (
        "Give entries of the trail their places in the tree; goes on until stopped. "
        "`python -m awe_incidents.audit sequence` is the same with half the memory."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Go on until SIGTERM or SIGINT."""
        sys.exit(programs.sequence())
