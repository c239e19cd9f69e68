"""Which effect of an execution fits how it stands, as a condition of the database."""

from __future__ import annotations

from django.db.models import Q

from awe_incidents.recovery.states import BEFORE_EFFECT, DID_ALL, IN_EFFECT, Effect, ExecutionState

# What did not begin did nothing; what was verified did all of it; while it goes nobody knows.
FITTING = (
    Q(state__in=BEFORE_EFFECT, effect=Effect.NONE)
    | Q(state__in=IN_EFFECT, effect=Effect.UNKNOWN)
    | Q(state__in=DID_ALL, effect=Effect.WHOLE)
    | Q(state=ExecutionState.FAILED, effect__in=[Effect.NONE, Effect.PARTIAL])
    | (Q(state=ExecutionState.CANCELLED) & ~Q(effect=Effect.UNKNOWN))
)
