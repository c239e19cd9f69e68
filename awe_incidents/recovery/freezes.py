"""Tables that say when things may start: freezes and maintenance windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from diagnostics.models import Stack

PERSON = settings.AUTH_USER_MODEL
WEEK = timedelta(days=7)


class Freeze(models.Model):
    """A time in which nothing starts on a stack; only that it was lifted early is ever added."""

    stack = models.ForeignKey(Stack, on_delete=models.PROTECT, related_name="freezes", db_index=False)
    from_tier = models.PositiveSmallIntegerField(default=0)  # and all above; 0 is everything
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    person = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    because = models.TextField()  # redacted
    set_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)  # by the database's clock
    lifted_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, null=True, related_name="+")
    lifted_because = models.TextField(default="")  # redacted

    class Meta:
        constraints = [
            models.CheckConstraint(name="freeze_tier", condition=Q(from_tier__lte=3)),
            models.CheckConstraint(name="freeze_ends", condition=Q(ends_at__gt=F("starts_at"))),
            models.CheckConstraint(name="freeze_reason", condition=~Q(because="")),
            models.CheckConstraint(
                name="freeze_lifted",
                condition=Q(lifted_at=None, lifted_by=None, lifted_because="")
                | (Q(lifted_at__isnull=False, lifted_by__isnull=False) & ~Q(lifted_because="")),
            ),
        ]
        indexes = [models.Index(fields=["stack", "-id"], name="freeze_of_stack")]

    def __str__(self) -> str:
        return f"freeze {self.pk}"


class MaintenanceWindow(models.Model):
    """A time of the week, in UTC, in which what takes four eyes may start; only its closing is ever added."""

    stack = models.ForeignKey(Stack, on_delete=models.PROTECT, related_name="maintenance_windows", db_index=False)
    weekday = models.PositiveSmallIntegerField()  # 1 is Monday, as ISO 8601 counts
    opens_at = models.TimeField()
    minutes = models.PositiveSmallIntegerField()
    person = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    because = models.TextField()  # redacted
    declared_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)  # for good
    closed_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, null=True, related_name="+")
    closed_because = models.TextField(default="")  # redacted

    class Meta:
        constraints = [
            models.CheckConstraint(name="window_weekday", condition=Q(weekday__gte=1, weekday__lte=7)),
            models.CheckConstraint(name="window_minutes", condition=Q(minutes__gte=1, minutes__lte=7 * 24 * 60)),
            models.CheckConstraint(name="window_reason", condition=~Q(because="")),
            models.CheckConstraint(
                name="window_closed",
                condition=Q(closed_at=None, closed_by=None, closed_because="")
                | (Q(closed_at__isnull=False, closed_by__isnull=False) & ~Q(closed_because="")),
            ),
        ]
        indexes = [models.Index(fields=["stack", "-id"], name="window_of_stack")]

    def __str__(self) -> str:
        return f"maintenance window {self.pk}"

    def opening(self, now: datetime) -> tuple[datetime, datetime]:
        """Give from when to when it is open: the opening that goes on at a time, or else the next one."""
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        day = midnight + timedelta(days=self.weekday - midnight.isoweekday())
        since = day.replace(hour=self.opens_at.hour, minute=self.opens_at.minute, second=self.opens_at.second) - WEEK
        while since + timedelta(minutes=self.minutes) <= now:
            since += WEEK
        return since, since + timedelta(minutes=self.minutes)
