"""Doorbells of incidents: the row is the truth, a lost ring is rung again by the sweeper."""

from __future__ import annotations

from diagnostics.queue import ring

PREPARE_ATTACHMENT = "incidents.prepare_attachment"
PREFILL_REPORT = "incidents.prefill_report"


def ring_prefill(report_id: int) -> None:
    """Say, after commit, that a report waits for what its stack knows."""
    ring(PREFILL_REPORT, report_id=report_id)


def ring_attachment(attachment_id: int) -> None:
    """Say, after commit, that a picture waits to be made anew."""
    ring(PREPARE_ATTACHMENT, attachment_id=attachment_id)
