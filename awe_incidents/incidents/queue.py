"""Doorbells of incidents: the row is the truth, a lost ring is rung again by the sweeper."""

from __future__ import annotations

import time

from django.db import transaction

from diagnostics.queue import ring

PREPARE_ATTACHMENT = "incidents.prepare_attachment"
PREFILL_REPORT = "incidents.prefill_report"

QUIET_SECONDS = 0.1  # much less than a prefill takes
MAX_REMEMBERED = 1000  # stacks


def ring_prefill(report_id: int) -> None:
    """Say, after commit, that a report waits for what its stack knows."""
    ring(PREFILL_REPORT, report_id=report_id)


def ring_prefill_of_filed(report_id: int, *, stack_id: int) -> None:
    """Say it of a report that was just filed; in a storm of reports about one stack some rings do.

    Who has answered one rings for the next that waits, so that nobody has to run for all the others.
    """
    transaction.on_commit(lambda: _storm.ring(report_id, stack_id))


def ring_attachment(attachment_id: int) -> None:
    """Say, after commit, that a picture waits to be made anew."""
    ring(PREPARE_ATTACHMENT, attachment_id=attachment_id)


class _Storm:
    """When this process last rang for a report about each stack."""

    def __init__(self) -> None:
        self.rung: dict[int, float] = {}

    def ring(self, report_id: int, stack_id: int) -> None:
        now = time.monotonic()
        if now - self.rung.get(stack_id, -QUIET_SECONDS) < QUIET_SECONDS:
            return
        if len(self.rung) >= MAX_REMEMBERED:
            self.rung.clear()
        self.rung[stack_id] = now
        ring_prefill(report_id)


_storm = _Storm()
