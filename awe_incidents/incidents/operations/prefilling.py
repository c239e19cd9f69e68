"""Prefill a bug report: claim it, capture what its stack knows of itself, and keep that beside what people wrote."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from awe_incidents.actor import service
from awe_incidents.audit import trail
from awe_incidents.incidents import queue
from awe_incidents.incidents.errors import AlreadyClaimed
from awe_incidents.incidents.models import ReportPrefill
from awe_incidents.incidents.states import PrefillState
from diagnostics.errors import DiagnosticsError
from diagnostics.looking import CAPTURES, Captured, capture_in_process
from diagnostics.queries import capture_request, seconds

LEASE_SECONDS = sum(capture.seconds for capture in CAPTURES.values()) + 10.0  # to start processes and to store as well
MAX_AT_ONCE_PER_STACK = 2  # a storm of reports about one stack must not become its load
MAX_CLAIMS = 3  # a report that took as many workers with it is not tried again
RING_AGAIN_SECONDS = 3
BATCH = 100
WORKER = service("worker")

log = structlog.get_logger(__name__)


def prefill_report(*, report_id: int) -> None:
    """Capture what the stack knows, and store it.

    Raises: AlreadyClaimed, when another worker was first or enough are at it (the sweeper rings again).
    """
    row = claim_prefill(report_id=report_id)
    store_prefill(row=row, fields={name: entry_of(_captured(row, name)) for name in CAPTURES}, at=timezone.now())


def claim_prefill(*, report_id: int) -> ReportPrefill:
    """Take a waiting row under a lease by conditional update.

    Raises: AlreadyClaimed.
    """
    row = ReportPrefill.objects.select_related("report__stack").get(pk=report_id)
    stack = row.report.stack
    leased = ReportPrefill.objects.filter(state=PrefillState.WAITING, lease_until__gt=Now())
    if leased.filter(report__stack=stack).count() >= MAX_AT_ONCE_PER_STACK:
        raise AlreadyClaimed(f"{MAX_AT_ONCE_PER_STACK} reports about stack {stack.name} are being prefilled already")
    claimed = (
        _free()
        .filter(pk=row.pk, fence=row.fence)
        .update(fence=row.fence + 1, lease_until=Now() + seconds(LEASE_SECONDS))
    )
    if not claimed:
        raise AlreadyClaimed(f"{row} was taken by another worker, or is done")
    row.fence += 1
    return row


def _free() -> Any:
    return ReportPrefill.objects.filter(
        Q(lease_until=None) | Q(lease_until__lt=Now()), state=PrefillState.WAITING, fence__lt=MAX_CLAIMS
    )


def _captured(row: ReportPrefill, name: str) -> Captured:
    """Capture one field; what keeps us from it is the answer.

    Raises: OperationalError, InterfaceError, when the database is away; the lease runs out.
    """
    report = row.report
    try:
        return capture_in_process(capture_request(report.stack, name=name, until=report.filed_at))
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # only texts of our own are shown: another's may hold what was being looked at
        log.warning("a capture failed", field=name, report_id=row.pk, error=type(error).__name__)
        why = str(error) if isinstance(error, DiagnosticsError) else f"the capture failed: {type(error).__name__}"
        return Captured(captured_at=timezone.now(), source=CAPTURES[name].source, reason=why)


def entry_of(captured: Captured) -> dict[str, Any]:
    """Give what is stored of a captured field."""
    return {
        "text": captured.text,
        "source": captured.source,
        "reason": captured.reason,
        "captured_at": captured.captured_at.isoformat(),
        "rule_set_version": captured.rule_set_version,
        "redactions": dict(captured.redactions),
        "dropped_bytes": captured.dropped_bytes,
    }


@transaction.atomic
def store_prefill(*, row: ReportPrefill, fields: Mapping[str, Any], at: datetime) -> bool:
    """Store what was captured if the claim still holds; say whether it was stored."""
    held = ReportPrefill.objects.filter(pk=row.pk, state=PrefillState.WAITING, fence=row.fence)
    stored = held.update(state=PrefillState.COLLECTED, fields=dict(fields), collected_at=at, lease_until=None)
    if not stored:
        return False  # the lease ran out and somebody else was faster
    trail.record(
        "bug_report:prefilled",
        subject=row.report,
        by=WORKER,
        at=at,
        incident_id=row.report.incident_id,
        data={name: "captured" if entry["text"] else "unavailable" for name, entry in fields.items()},
    )
    _ring_next(row.report.stack_id)
    return True


def _ring_next(stack_id: int) -> None:
    """Offer the freed place to a report about the same stack that waits; a ring too many is harmless."""
    waiting = _free().filter(report__stack_id=stack_id).order_by("rung_at")
    for report_id in waiting.values_list("pk", flat=True)[:1]:
        queue.ring_prefill(report_id)


def sweep_prefills(*, at: datetime) -> int:
    """Ring again for reports that wait longer than a doorbell takes, and give up those that took workers with them."""
    waiting = ReportPrefill.objects.filter(
        Q(lease_until=None) | Q(lease_until__lt=Now()),
        state=PrefillState.WAITING,
        rung_at__lt=Now() - seconds(RING_AGAIN_SECONDS),
    )
    rows = list(waiting.select_related("report").order_by("rung_at")[:BATCH])
    for row in rows:
        if row.fence >= MAX_CLAIMS:
            why = f"{row.fence} workers were lost while they captured it; not tried again"
            lost = {name: Captured(captured_at=at, source=one.source, reason=why) for name, one in CAPTURES.items()}
            store_prefill(row=row, fields={name: entry_of(one) for name, one in lost.items()}, at=at)
        else:
            queue.ring_prefill(row.pk)
    ReportPrefill.objects.filter(pk__in=[row.pk for row in rows], state=PrefillState.WAITING).update(rung_at=Now())
    return len(rows)
