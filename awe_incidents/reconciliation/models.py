"""Tables of what engines showed: up to where one was looked at, what was judged, and the alarms."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from awe_incidents.reconciliation.states import KEPT, AlarmKind
from awe_incidents.recovery.models import Execution, ManualAction, RecoveryRequest
from diagnostics.models import Stack


class EngineWatch(models.Model):
    """Up to where the events of a stack's engine were looked at; claimed by its due time and fence."""

    stack = models.OneToOneField(Stack, on_delete=models.CASCADE, primary_key=True, related_name="engine_watch")
    engine = models.CharField(max_length=64)  # digest of its address and project; another one begins afresh
    began_at = models.DateTimeField()  # this and the next two by the engine's clock
    looked_until = models.DateTimeField()
    mark_at = models.DateTimeField()
    mark = models.CharField(max_length=32, default="")  # key of the newest event of all that the engine had
    watched_from = models.DateTimeField()  # this and the next by our clock; executions before it are not judged
    judged_until = models.DateTimeField()
    containers = models.JSONField(default=dict)  # by id: service, digest of the health check, whether it restarts
    due_at = models.DateTimeField(db_default=Now())  # by the database's clock
    fence = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)  # one after the other
    failing_since = models.DateTimeField(null=True)
    failure = models.CharField(max_length=500, default="")

    class Meta:
        verbose_name_plural = "watches of engines"
        indexes = [models.Index(fields=["due_at"], name="engine_watch_due")]

    def __str__(self) -> str:
        return f"watch of the engine of stack {self.stack_id}"


class JudgedEvent(models.Model):
    """An event that changed a container of a stack, and what it was put down to; append-only, each once."""

    stack = models.ForeignKey(Stack, on_delete=models.PROTECT, related_name="+", db_index=False)
    key = models.CharField(max_length=32)
    at = models.DateTimeField()  # our clock
    action = models.CharField(max_length=32)
    container = models.CharField(max_length=64)
    name = models.CharField(max_length=300)
    service = models.CharField(max_length=300)
    command_digest = models.CharField(max_length=64, default="")  # a command may hold a secret
    signal = models.PositiveSmallIntegerField(default=0)
    cause = models.CharField(max_length=16)
    follows = models.BooleanField(default=False)
    execution = models.ForeignKey(Execution, on_delete=models.PROTECT, null=True, related_name="+")
    manual_action = models.ForeignKey(ManualAction, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="judged_event_once", fields=["stack", "key"]),
            models.CheckConstraint(name="judged_event_cause", condition=Q(cause__in=[cause.value for cause in KEPT])),
        ]
        indexes = [models.Index(fields=["stack", "at"], name="judged_event_of_stack")]

    def __str__(self) -> str:
        return f"{self.action} of {self.service or self.name}: {self.cause}"


class Alarm(models.Model):
    """Something that nobody approved, or that was approved and is not to be seen; settled by a time, never deleted."""

    stack = models.ForeignKey(Stack, on_delete=models.PROTECT, related_name="alarms", db_index=False)
    kind = models.CharField(max_length=32)
    key = models.CharField(max_length=64)  # of what it is about, so that it is raised once
    says = models.TextField()  # redacted
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    events = models.PositiveIntegerField(default=0)
    request = models.ForeignKey(RecoveryRequest, on_delete=models.PROTECT, null=True, related_name="+")
    raised_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    settled_by = models.ForeignKey(ManualAction, on_delete=models.PROTECT, null=True, related_name="+")
    settled_because = models.TextField(default="")  # redacted
    settler = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="alarm_once", fields=["stack", "key"]),
            models.CheckConstraint(name="alarm_kind", condition=Q(kind__in=[kind.value for kind in AlarmKind])),
            models.CheckConstraint(
                name="alarm_settled_whole", condition=Q(settled_at__isnull=True) | ~Q(settled_because="")
            ),
            models.CheckConstraint(
                name="alarm_settler", condition=Q(settler__isnull=True) | Q(settled_at__isnull=False)
            ),
        ]
        indexes = [models.Index(fields=["stack", "id"], name="alarm_open", condition=Q(settled_at__isnull=True))]

    def __str__(self) -> str:
        return f"alarm {self.pk}"
