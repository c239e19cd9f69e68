"""Remove at once what no stack's retention keeps any more; the scheduler does it by and by."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from awe_incidents.growth.operations import drop_empty_months
from awe_incidents.incidents.operations import Removed, apply_retention


class Command(BaseCommand):
    """`manage.py apply_retention`"""

    help = (
        "Remove bug reports, results and evidence that are older than the retention of their stack ([retention] days "
        "in its stack.toml) until none is left; what belongs to an open incident stays. The scheduler does it hourly."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Go round until nothing is left."""
        total = Removed()
        while removed := apply_retention(at=timezone.now()):
            total += removed
        dropped = drop_empty_months()
        counts = ", ".join(f"{number:,} {name}" for name, number in asdict(total).items())
        self.stdout.write(f"Removed {counts}; dropped {dropped} empty months.")
