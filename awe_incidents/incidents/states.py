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
    needs_checks: bool = False  # what failed has passed since, or a person says why not


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
            needs_checks=True,
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
    """How bad it is; suggested by diagnoses, and what people say comes first."""

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


class ClassificationSource(StrEnum):
    """Who said how bad an incident is, or what it is about; nobody where the word is empty and this, too."""

    SERVICE = "service"  # as a diagnosis suggests; a later one may change it
    PERSON = "person"  # also that it has none; no diagnosis changes it


class PrefillState(StrEnum):
    """Whether the service has collected what a report's stack knows of itself."""

    WAITING = "waiting"
    COLLECTED = "collected"


class EnvironmentSource(StrEnum):
    """Who named a bug report's environment."""

    REPORTER = "reporter"
    STACK = "stack"  # nobody did, so it is the one that the stack's description names


class WatchState(StrEnum):
    """What the scheduled runs of a stack say of it."""

    HEALTHY = "healthy"  # also before the first of them
    DOUBTFUL = "doubtful"  # once something failed that no cause is known for
    UNHEALTHY = "unhealthy"


class Reading(StrEnum):
    """What one scheduled run says of its stack."""

    WELL = "well"
    DIAGNOSED = "diagnosed"  # something failed, and there is a cause for it
    UNEXPLAINED = "unexplained"  # something failed, and no cause is known
    NOTHING = "nothing"  # something could not be looked at, and nothing that was looked at failed


# A reading that is not there changes nothing. What nobody can explain may be a blink, so it has to be seen twice.
WATCH_TRANSITIONS: dict[WatchState, dict[Reading, WatchState]] = {
    WatchState.HEALTHY: {Reading.DIAGNOSED: WatchState.UNHEALTHY, Reading.UNEXPLAINED: WatchState.DOUBTFUL},
    WatchState.DOUBTFUL: {
        Reading.WELL: WatchState.HEALTHY,
        Reading.DIAGNOSED: WatchState.UNHEALTHY,
        Reading.UNEXPLAINED: WatchState.UNHEALTHY,
    },
    WatchState.UNHEALTHY: {Reading.WELL: WatchState.HEALTHY},
}
