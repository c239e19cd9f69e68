"""Celery's side: doorbells and what goes by the clock; thin, ids by keyword, unknown keywords tolerated."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import structlog
from celery import shared_task
from django.utils import timezone

from awe_incidents.incidents import operations, queue
from awe_incidents.incidents.errors import AlreadyClaimed
from awe_incidents.incidents.models import Attachment, ReportPrefill

log = structlog.get_logger(__name__)


@shared_task(name=queue.PREPARE_ATTACHMENT)
def prepare_attachment(*, attachment_id: int, **_: Any) -> None:
    """Make a picture anew."""
    try:
        operations.prepare_attachment(attachment_id=attachment_id)
    except AlreadyClaimed as error:
        log.info("not mine", attachment_id=attachment_id, why=str(error))
    except Attachment.DoesNotExist:
        log.info("doorbell of an attachment that is gone", attachment_id=attachment_id)


@shared_task(name=queue.PREFILL_REPORT)
def prefill_report(*, report_id: int, **_: Any) -> None:
    """Capture what a report's stack knows."""
    try:
        operations.prefill_report(report_id=report_id)
    except AlreadyClaimed as error:
        log.info("not mine", report_id=report_id, why=str(error))
    except ReportPrefill.DoesNotExist:
        log.info("doorbell of a report that is gone", report_id=report_id)


@shared_task(name="incidents.apply_retention")
def apply_retention(**_: Any) -> None:
    """Remove what no stack's retention keeps any more."""
    if removed := operations.apply_retention(at=timezone.now()):
        log.info("removed by retention", **asdict(removed))
