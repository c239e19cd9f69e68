"""Print the public keys of the trail."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from awe_incidents.audit.log_folder import published_vkeys
from awe_incidents.audit.programs import trail_folder


class Command(BaseCommand):
    """`manage.py trail_key`"""

    help = "Print the public keys of the trail as an auditor pins them: of its signatures, and of its timed signatures."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print."""
        folder = trail_folder()
        vkeys = published_vkeys(folder)
        if not vkeys:
            raise CommandError(f"{folder} has no keys yet; the signer (sign_trail) makes them when it first starts")
        self.stdout.write("\n".join(vkeys))
