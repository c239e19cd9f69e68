"""Housekeeping of the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from celery import shared_task
from django.utils import timezone

from awe_incidents.api import idempotency

KEPT = timedelta(hours=24)

log = structlog.get_logger(__name__)


@shared_task(name="api.forget_idempotency_keys")
def forget_idempotency_keys(**_: Any) -> None:
    """Forget answers that are older than a day."""
    log.info("idempotency keys forgotten", number=idempotency.forget_before(at=timezone.now() - KEPT))
