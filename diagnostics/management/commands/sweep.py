"""The sweeper: a process of its own, so that hung checks cannot starve it."""

from __future__ import annotations

from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, connection
from django.utils import timezone

from awe_incidents.stopping import stop_on_signals
from diagnostics.operations import sweep

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    """`manage.py sweep`"""

    help = "Ring again for lost doorbells, free what dead workers held, end late runs; goes on until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the pace."""
        parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="seconds between rounds")
        parser.add_argument("--once", action="store_true", help="do one round and end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Go round until SIGTERM or SIGINT; a database that is away is waited for."""
        if options["once"]:
            self._round()
            return
        stopping = stop_on_signals()
        while not stopping.is_set():
            self._round()
            stopping.wait(options["every"])

    def _round(self) -> None:
        try:
            done = sweep(at=timezone.now())
        except DatabaseError as error:
            log.warning("no round: the database does not answer", error=type(error).__name__)
            connection.close()
            return
        if done.freed or done.closed:
            log.info("swept", rung=done.rung, freed=done.freed, closed=done.closed)
