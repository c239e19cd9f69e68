"""States of an incident: the table that the diagram in docs/states.md is drawn from (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class IncidentState(StrEnum):
    """Where triage stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    CLOSED = "closed"


WAITING = (IncidentState.OPEN, IncidentState.ACKNOWLEDGED)  # somebody still has to do something; reports join these


@dataclass(frozen=True, slots=True)
class Transition:
    """One allowed step, its audit verb, and whether a reason must be given."""

    action: str
    verb: str
    sources: frozenset[IncidentState]
    target: IncidentState
    needs_reason: bool = False


TRANSITIONS: dict[str, Transition] = {
    transition.action: transition
    for transition in (
        Transition("acknowledge", "incident:acknowledged", frozenset({IncidentState.OPEN}), IncidentState.ACKNOWLEDGED),
        Transition(
            "resolve",
            "incident:resolved",
            frozenset({IncidentState.OPEN, IncidentState.ACKNOWLEDGED}),
            IncidentState.RESOLVED,
            needs_reason=True,
        ),
        Transition(
            "reopen",
            "incident:reopened",
            frozenset({IncidentState.RESOLVED, IncidentState.CLOSED}),
            IncidentState.OPEN,
            needs_reason=True,
        ),
        Transition("close", "incident:closed", frozenset({IncidentState.RESOLVED}), IncidentState.CLOSED),
    )
}


class AttachmentKind(StrEnum):
    """What a file was sent as; its content decides whether it is taken as that."""

    SCREENSHOT = "screenshot"
    TEXT = "text"


class AttachmentState(StrEnum):
    """Where an attachment stands; only a ready one has something to give."""

    PENDING = "pending"  # a picture as it came, which nobody gets to see
    READY = "ready"
    REFUSED = "refused"  # it could not be made anew; its bytes are gone


ATTACHMENT_TRANSITIONS: dict[AttachmentState, frozenset[AttachmentState]] = {
    AttachmentState.PENDING: frozenset({AttachmentState.READY, AttachmentState.REFUSED}),
    AttachmentState.READY: frozenset(),
    AttachmentState.REFUSED: frozenset(),
}


class Severity(StrEnum):
    """How bad it is; set by people, suggested by diagnoses later."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Category(StrEnum):
    """The seed document's problem categories."""

    STARTUP = "startup"
    AUTHENTICATION = "authentication"
    DATABASE = "database"
    SSL = "ssl"
    NETWORK = "network"
    PERFORMANCE = "performance"
    AGENTS = "agents"


class PrefillState(StrEnum):
    """Whether the service has collected what a report's stack knows of itself."""

    WAITING = "waiting"
    COLLECTED = "collected"


class EnvironmentSource(StrEnum):
    """Who named a bug report's environment."""

    REPORTER = "reporter"
    STACK = "stack"  # nobody did, so it is the one that the stack's description names
