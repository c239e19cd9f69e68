"""Write entries in the words of OCSF, a line of JSON each."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from awe_incidents.audit.errors import AuditError
from awe_incidents.audit.log_rows import log_head
from awe_incidents.audit.ocsf_rows import Chosen, ocsf_lines
from awe_incidents.audit.queries import driver_connection
from awe_incidents.audit.security_log import cut_torn_line, next_sequence


class Command(BaseCommand):
    """`manage.py export_ocsf`"""

    help = (
        "Write the entries that have their place in the tree as events of OCSF, a line of JSON each, in the order of "
        "their indexes (docs/audit.md). A file that was begun is continued; `metadata.sequence` is the index."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take where to, and which."""
        parser.add_argument("--output", type=Path, metavar="FILE", help="append to this file instead of printing")
        parser.add_argument("--from", dest="start", type=int, metavar="INDEX", help="the first one")
        parser.add_argument("--since", type=_moment, metavar="TIME", help="what happened then or later (ISO 8601)")
        parser.add_argument("--until", type=_moment, metavar="TIME", help="what happened before")
        parser.add_argument("--without-texts", action="store_true", help="leave out names, addresses, reasons ...")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write all, and say on standard error how far it is."""
        times = {name: options[name] for name in ("since", "until") if options[name]}
        chosen = Chosen(**times, with_texts=not options["without_texts"])
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        try:
            with (
                _opened(options["output"]) as (file, begun),
                driver_connection() as driver,
                Progress(*columns, console=Console(stderr=True)) as progress,
            ):
                start, size = begun if options["start"] is None else options["start"], log_head(driver).size
                task = progress.add_task("entries", total=max(0, size - start))
                for stop, lines in ocsf_lines(driver, start, size, chosen):
                    file.write(b"".join(lines))
                    progress.update(task, completed=stop - start)
        except (AuditError, OSError) as error:
            raise CommandError(str(error)) from error


@contextmanager
def _opened(path: Path | None) -> Iterator[tuple[BinaryIO, int]]:
    """Give where to write to, and the index at which to go on."""
    if path is None:
        yield sys.stdout.buffer, 0
        sys.stdout.buffer.flush()
        return
    with path.open("a+b") as file:
        cut_torn_line(file.fileno())
        yield file, next_sequence(path)
        file.flush()
        os.fsync(file.fileno())


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
