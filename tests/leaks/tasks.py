"""Tasks that give away secrets in every way a worker has."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.utils.log import get_task_logger

from tests.leaks.canaries import TEXT
from tests.leaks.urls import LEAKS


@shared_task(name="leaks.leak")
def leak(*, name: str, **_: Any) -> None:
    """Leak in one way."""
    get_task_logger(__name__).error("the task says %s", TEXT)
    LEAKS[name]()
