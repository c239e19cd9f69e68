"""Celery's side of the doorbells: thin, ids by keyword, unknown keywords tolerated."""

from __future__ import annotations

from typing import Any

import structlog
from celery import shared_task

from awe_incidents.incidents import operations, queue
from awe_incidents.incidents.errors import AlreadyClaimed
from awe_incidents.incidents.models import Attachment

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
