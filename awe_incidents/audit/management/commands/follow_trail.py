"""The security log: a process of its own."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from awe_incidents.audit import programs


class Command(BaseCommand):
    """`manage.py follow_trail`"""

    help = (
        "Write entries of the trail into the file that AWE_SECURITY_LOG names, as events of OCSF, a line of JSON each; "
        "goes on until stopped. `python -m awe_incidents.audit follow` is the same with half the memory."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Go on until SIGTERM or SIGINT."""
        sys.exit(programs.write_security_log())
