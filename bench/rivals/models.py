"""One row, five times; each package is told of its own as its documentation says."""

from __future__ import annotations

from typing import Any

import pghistory
from auditlog.registry import auditlog
from django.db import models
from simple_history.models import HistoricalRecords


class Row(models.Model):
    """What is inserted."""

    title = models.CharField(max_length=200)
    state = models.CharField(max_length=20)
    number = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.title


class PlainRow(Row):
    """Nothing is kept of it."""

    class Meta:
        app_label = "rivals"


class TrailRow(Row):
    """`trail.record` is called beside it."""

    class Meta:
        app_label = "rivals"


@pghistory.track()
class PghistoryRow(Row):
    """A trigger inserts an event."""

    class Meta:
        app_label = "rivals"


class AuditlogRow(Row):
    """A signal inserts an entry of its changes."""

    class Meta:
        app_label = "rivals"


class SimpleHistoryRow(Row):
    """A signal inserts a copy."""

    history: Any = HistoricalRecords(app="rivals")

    class Meta:
        app_label = "rivals"


auditlog.register(AuditlogRow)
KINDS: dict[str, type[Row]] = {
    "plain": PlainRow,
    "trail": TrailRow,
    "django-pghistory": PghistoryRow,
    "django-auditlog": AuditlogRow,
    "django-simple-history": SimpleHistoryRow,
}
