"""The signer: a process of its own, with its own role, key and folder."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from awe_incidents.audit import programs


class Command(BaseCommand):
    """`manage.py sign_trail`"""

    help = (
        "Sign checkpoints of the trail; goes on until stopped. DATABASE_URL is that of incidents_signer, AWE_TRAIL_DIR "
        "the folder of keys, state and tiles. Exit code 12: entries are missing that were signed; 13: they are others. "
        "`python -m awe_incidents.audit sign` is the same with half the memory."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Go on until SIGTERM or SIGINT."""
        sys.exit(programs.sign())
