"""States of requests, executions, their steps and reviews, with the transitions that are allowed (pure).

The database holds the same tables as triggers (guards.py): a jump is refused whoever tries it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class RequestState(StrEnum):
    """Where a request stands."""

    PLANNED = "planned"
    PENDING_APPROVAL = "pending_approval"
    BREAK_GLASS = "break_glass"  # somebody went past the approval; a review is due
    APPROVED = "approved"
    EXECUTING = "executing"  # its execution may have had an effect
    DONE = "done"  # the execution says how it ended
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    INVALIDATED = "invalidated"  # what was approved is not what would be done now
    CANCELLED = "cancelled"


class ExecutionState(StrEnum):
    """Where an execution stands."""

    QUEUED = "queued"
    CLAIMED = "claimed"  # a worker prepares it; nothing has been done
    RUNNING = "running"
    VERIFYING = "verifying"
    CANCELLING = "cancelling"  # it stops before its next step
    SUCCEEDED = "succeeded"
    VERIFY_FAILED = "verify_failed"  # every step was done, and the target is not as it should be
    FAILED = "failed"  # known, effect described
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    INVALIDATED = "invalidated"
    OUTCOME_UNKNOWN = "outcome_unknown"  # the worker was lost; the target stays locked
    NOT_STARTED = "not_started"  # found afterwards: the lost worker had done nothing


class StepState(StrEnum):
    """Where one step of an execution stands."""

    WAITING = "waiting"
    STARTED = "started"  # its effect may have happened
    DONE = "done"
    FAILED = "failed"


class ReviewState(StrEnum):
    """Where the review of a break-glass stands."""

    DUE = "due"
    REVIEWED = "reviewed"


class SecretState(StrEnum):
    """Where a one-time secret of an execution stands."""

    SEALED = "sealed"
    SHOWN = "shown"  # once, to who asked for the action; nobody has it any more
    EXPIRED = "expired"  # nobody fetched it in time


class NoticeState(StrEnum):
    """Where the notice of a break-glass to one person stands."""

    WAITING = "waiting"  # also for another try, where the server surely did not take it
    SENDING = "sending"  # a worker has it, under a lease
    SENT = "sent"  # the server took it
    UNKNOWN = "unknown"  # it may have; not sent again
    FAILED = "failed"  # it never will, or did not until the review was due
    NEEDLESS = "needless"  # reviewed before, or the person reviews no more


class Standing(StrEnum):
    """How a freeze stands now, by the database's clock; no column, it follows from its times."""

    NOW = "now"
    COMING = "coming"
    OVER = "over"
    LIFTED = "lifted"


class Verdict(StrEnum):
    """What one person decided on a request."""

    APPROVED = "approved"
    DENIED = "denied"


class ReviewVerdict(StrEnum):
    """What a reviewer found."""

    IN_ORDER = "in_order"
    VIOLATION = "violation"


class Effect(StrEnum):
    """What an execution did to its target."""

    NONE = "none"
    PARTIAL = "partial"
    WHOLE = "whole"
    UNKNOWN = "unknown"


_R, _E, _S = RequestState, ExecutionState, StepState
REQUEST_TRANSITIONS: dict[RequestState, frozenset[RequestState]] = {
    _R.PLANNED: frozenset({_R.PENDING_APPROVAL, _R.APPROVED}),  # at once: tiers 0 and 1
    _R.PENDING_APPROVAL: frozenset({_R.APPROVED, _R.DENIED, _R.WITHDRAWN, _R.EXPIRED, _R.BREAK_GLASS}),
    _R.BREAK_GLASS: frozenset({_R.APPROVED}),
    _R.APPROVED: frozenset({_R.EXECUTING, _R.INVALIDATED, _R.EXPIRED, _R.CANCELLED}),
    _R.EXECUTING: frozenset({_R.DONE}),
    _R.DONE: frozenset(),
    _R.DENIED: frozenset(),
    _R.WITHDRAWN: frozenset(),
    _R.EXPIRED: frozenset(),
    _R.INVALIDATED: frozenset(),
    _R.CANCELLED: frozenset(),
}
EXECUTION_TRANSITIONS: dict[ExecutionState, frozenset[ExecutionState]] = {
    _E.QUEUED: frozenset({_E.CLAIMED, _E.CANCELLED, _E.EXPIRED, _E.INVALIDATED}),
    _E.CLAIMED: frozenset({_E.QUEUED, _E.RUNNING, _E.FAILED, _E.OUTCOME_UNKNOWN}),
    _E.RUNNING: frozenset({_E.VERIFYING, _E.FAILED, _E.CANCELLING, _E.OUTCOME_UNKNOWN}),
    _E.VERIFYING: frozenset({_E.SUCCEEDED, _E.VERIFY_FAILED, _E.OUTCOME_UNKNOWN}),
    _E.CANCELLING: frozenset({_E.CANCELLED, _E.OUTCOME_UNKNOWN}),
    _E.OUTCOME_UNKNOWN: frozenset({_E.SUCCEEDED, _E.FAILED, _E.NOT_STARTED}),
    _E.SUCCEEDED: frozenset(),
    _E.VERIFY_FAILED: frozenset(),
    _E.FAILED: frozenset(),
    _E.CANCELLED: frozenset(),
    _E.EXPIRED: frozenset(),
    _E.INVALIDATED: frozenset(),
    _E.NOT_STARTED: frozenset(),
}
STEP_TRANSITIONS: dict[StepState, frozenset[StepState]] = {
    _S.WAITING: frozenset({_S.STARTED}),
    _S.STARTED: frozenset({_S.DONE, _S.FAILED}),
    _S.DONE: frozenset(),
    _S.FAILED: frozenset(),
}
REVIEW_TRANSITIONS: dict[ReviewState, frozenset[ReviewState]] = {
    ReviewState.DUE: frozenset({ReviewState.REVIEWED}),
    ReviewState.REVIEWED: frozenset(),
}
SECRET_TRANSITIONS: dict[SecretState, frozenset[SecretState]] = {
    SecretState.SEALED: frozenset({SecretState.SHOWN, SecretState.EXPIRED}),
    SecretState.SHOWN: frozenset(),
    SecretState.EXPIRED: frozenset(),
}

_N = NoticeState
NOTICE_TRANSITIONS: dict[NoticeState, frozenset[NoticeState]] = {
    _N.WAITING: frozenset({_N.SENDING}),
    _N.SENDING: frozenset({_N.SENT, _N.WAITING, _N.UNKNOWN, _N.FAILED, _N.NEEDLESS}),
    _N.SENT: frozenset(),
    _N.UNKNOWN: frozenset(),
    _N.FAILED: frozenset(),
    _N.NEEDLESS: frozenset(),
}

HELD = (_E.CLAIMED, _E.RUNNING, _E.VERIFYING, _E.CANCELLING)  # by a worker, under a lease
BEFORE_EFFECT = (_E.QUEUED, _E.CLAIMED, _E.EXPIRED, _E.INVALIDATED, _E.NOT_STARTED)  # nothing was done
IN_EFFECT = (_E.RUNNING, _E.VERIFYING, _E.CANCELLING, _E.OUTCOME_UNKNOWN)  # what was done is not known yet
DID_ALL = (_E.SUCCEEDED, _E.VERIFY_FAILED)
FINAL_EXECUTIONS = tuple(state for state, after in EXECUTION_TRANSITIONS.items() if not after)
HAS_EFFECT = (Effect.PARTIAL, Effect.WHOLE)
FINAL_REQUESTS = tuple(state for state, after in REQUEST_TRANSITIONS.items() if not after)
FINAL_NOTICES = tuple(state for state, after in NOTICE_TRANSITIONS.items() if not after)


def allowed(table: Mapping[StrEnum, frozenset[StrEnum]], source: StrEnum, target: StrEnum) -> bool:
    """Say whether a table has this step."""
    return target in table[source]
