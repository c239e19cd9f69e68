"""Keep months ahead, and collect what nobody refers to."""

from __future__ import annotations

from typing import Any

import structlog
from celery import shared_task
from django.db import OperationalError
from django.utils import timezone

from awe_incidents.growth import operations

log = structlog.get_logger(__name__)


@shared_task(name="growth.make_months")
def make_months(**_: Any) -> None:
    """Make the next months, mend what lies outside of them, tell of what cannot be mended, and drop what is empty."""
    try:
        if made := operations.make_months(at=timezone.now()):
            log.info("months made", partitions=made)
        if dropped := operations.drop_empty_months():
            log.info("months dropped", partitions=dropped)
    except OperationalError as error:
        log.warning("no months made, the next hour will", error=str(error).strip())
        return
    for table, number in operations.rows_outside_months().items():
        log.error("rows lie outside of every month", table=table, rows=number)


@shared_task(name="growth.collect_contents")
def collect_contents(**_: Any) -> None:
    """Remove contents that nobody refers to any more."""
    if number := operations.collect_contents(at=timezone.now()):
        log.info("contents collected", number=number)
