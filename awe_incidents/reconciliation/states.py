"""What an event of an engine is put down to, and what alarms there are (pure)."""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """Who or what an event is put down to."""

    LOOK = "look"  # a program of the checks' allow-list, which only reads; not kept
    HEALTH = "health"  # the container's own health check; not kept
    ITSELF = "itself"  # a process ended, or the engine's restart policy started it again
    EXECUTION = "execution"
    MANUAL_ACTION = "manual_action"
    NOBODY = "nobody"  # that we know of


class AlarmKind(StrEnum):
    """What an alarm says."""

    NOT_APPROVED = "executed_never_approved"
    NOT_EXECUTED = "approved_never_executed"
    NOT_LOOKED_AT = "span_not_looked_at"
    ENGINE_SILENT = "engine_silent"


KEPT = (Cause.ITSELF, Cause.EXECUTION, Cause.MANUAL_ACTION, Cause.NOBODY)
