"""The table of what scheduled runs say of stacks."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from awe_incidents.incidents.states import WatchState
from diagnostics.models import Stack


class StackWatch(models.Model):
    """What the scheduled runs of a stack say of it, and what they told an incident; locked while one is judged."""

    stack = models.OneToOneField(Stack, on_delete=models.CASCADE, primary_key=True, related_name="watch")
    of_schedule = models.BigIntegerField()  # its id: another schedule begins afresh
    state = models.CharField(max_length=16, default=WatchState.HEALTHY)
    since = models.DateTimeField()
    incident = models.ForeignKey(
        "incidents.Incident", on_delete=models.PROTECT, related_name="+", null=True, db_index=False
    )  # that was told that the stack is unhealthy
    told = ArrayField(models.CharField(max_length=100), default=list)  # which causes, and "" for one that is not known

    class Meta:
        verbose_name_plural = "watches of stacks"
        constraints = [
            models.CheckConstraint(name="watch_state", condition=Q(state__in=list(WatchState))),
            models.CheckConstraint(
                name="watch_incident_while_unhealthy",
                condition=Q(state=WatchState.UNHEALTHY) | Q(incident=None, told=[]),
            ),
        ]

    def __str__(self) -> str:
        return f"watch of stack {self.stack_id}"
