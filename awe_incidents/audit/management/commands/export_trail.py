"""Write a bundle for an auditor."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from awe_incidents.audit.errors import AuditError
from awe_incidents.audit.exporting import export
from awe_incidents.audit.log_folder import published_keys
from awe_incidents.audit.queries import known_keys, pinned_keys


class Command(BaseCommand):
    """`manage.py export_trail FOLDER`"""

    help = (
        "Write the trail into a folder that verify_trail.py and tools for tlog-tiles read (docs/audit-bundle.md). "
        "A folder that was begun, or that ends at an earlier checkpoint, is continued."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the folder."""
        parser.add_argument("folder", type=Path)
        parser.add_argument("--without-texts", action="store_true", help="leave out the texts behind commitments")

    def handle(self, *args: Any, **options: Any) -> None:
        """Export, and say what to do with it."""
        folder: Path = options["folder"]
        place = os.environ.get("AWE_TRAIL_DIR")
        history = published_keys(Path(place)) if place else None
        connection.ensure_connection()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task("entries", total=None)
            try:
                checkpoint = export(
                    connection.connection,
                    folder,
                    keys=history.lines() if history else map(str, known_keys()),
                    with_texts=not options["without_texts"],
                    on_progress=lambda done, total: progress.update(task, completed=done, total=total),
                )
            except AuditError as error:
                raise CommandError(str(error)) from error
        self.stdout.write(f"{checkpoint.size:,} entries of {checkpoint.origin} are in {folder}. Verify them with")
        pinned = history.newest if history else pinned_keys()
        pins = " ".join(f"--vkey '{vkey}'" for vkey in pinned) or "--vkey ..."
        self.stdout.write(f"  python -I verify_trail.py {folder} --origin {checkpoint.origin} {pins}")
