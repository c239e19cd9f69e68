"""One row, some times; each package is told of its own, and who does it why, as its documentation says."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pghistory
from auditlog.registry import auditlog
from django.db import models
from simple_history.models import HistoricalRecords

BY, BECAUSE = "bench", "to measure"


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

    def get_additional_data(self) -> dict[str, str]:
        """Give what is kept beside the changes."""
        return {"user": BY, "because": BECAUSE}

    class Meta:
        app_label = "rivals"


class SimpleHistoryRow(Row):
    """A signal inserts a copy."""

    _change_reason = BECAUSE
    history: Any = HistoricalRecords(app="rivals")

    class Meta:
        app_label = "rivals"


auditlog.register(AuditlogRow)
KINDS: dict[str, type[Row]] = {
    "plain": PlainRow,
    "trail": TrailRow,
    "django-pghistory": PghistoryRow,
    "django-pghistory_without_who_and_why": PghistoryRow,
    "django-auditlog": AuditlogRow,
    "django-simple-history": SimpleHistoryRow,
}


def told(kind: str) -> AbstractContextManager[Any]:
    """Tell a package who does what follows and why, where it takes that from around; else it takes it from the row."""
    return pghistory.context(user=BY, because=BECAUSE) if kind == "django-pghistory" else nullcontext()
