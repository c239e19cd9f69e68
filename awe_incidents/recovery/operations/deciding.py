"""Approve and deny: by another person, bound to the digest, under the request's lock; any denial is final."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.recovery import policies
from awe_incidents.recovery.errors import DecidedBefore, DigestDiffers, RequestExpired, TransitionNotAllowed
from awe_incidents.recovery.models import Decision, RecoveryRequest
from awe_incidents.recovery.operations.moving import (
    cleaned,
    database_now,
    held_request,
    move_request,
    queue_execution,
    record,
)
from awe_incidents.recovery.policies import Tier
from awe_incidents.recovery.states import RequestState, Verdict


@transaction.atomic
def approve_request(
    *,
    request: RecoveryRequest,
    digest: str,
    user: User,
    by: Actor,
    at: datetime,
    because: str,
    typed_stack: str = "",
) -> RecoveryRequest:
    """Approve exactly what the digest covers; with the last approval that is needed the execution is queued.

    Raises: RoleRequired, OwnRequest, AffectedUser, ReasonRequired, StackNotNamed, TransitionNotAllowed, RequestExpired,
    DecidedBefore, DigestDiffers, TooOften, TrailUnavailable.
    """
    request = held_request(request.pk)
    because = _checked(request, digest=digest, user=user, because=because)
    policies.check_stack_named(Tier(request.tier), typed=typed_stack, stack_name=request.stack.name)
    _decide(request, Verdict.APPROVED, user=user, by=by, at=at, because=because)
    approvals = request.decisions.filter(verdict=Verdict.APPROVED).count()
    if approvals >= request.approvals_needed:
        move_request(request, RequestState.APPROVED, at=at)
        queue_execution(request, at=at)
    record(
        "recovery_request:approved",
        request,
        by=by,
        at=at,
        because=because,
        approvals=approvals,
        needed=request.approvals_needed,
        to=request.state,
    )
    return request


@transaction.atomic
def deny_request(
    *, request: RecoveryRequest, digest: str, user: User, by: Actor, at: datetime, because: str
) -> RecoveryRequest:
    """Deny a request for good.

    Raises: RoleRequired, OwnRequest, AffectedUser, ReasonRequired, TransitionNotAllowed, RequestExpired, DecidedBefore,
    DigestDiffers.
    """
    request = held_request(request.pk)
    because = _checked(request, digest=digest, user=user, because=because)
    _decide(request, Verdict.DENIED, user=user, by=by, at=at, because=because)
    move_request(request, RequestState.DENIED, at=at)
    record("recovery_request:denied", request, by=by, at=at, because=because)
    return request


def check_pending(request: RecoveryRequest) -> None:
    """See that a locked request waits for a decision and is not too old.

    Raises: TransitionNotAllowed, RequestExpired.
    """
    if request.state != RequestState.PENDING_APPROVAL:
        raise TransitionNotAllowed(f"request {request.pk} is {request.state}, so nobody decides on it now")
    if request.expires_at <= database_now():
        raise RequestExpired(f"request {request.pk} expired at {request.expires_at:%Y-%m-%d %H:%M} UTC; ask anew")


def _checked(request: RecoveryRequest, *, digest: str, user: User, because: str) -> str:
    policies.check_may_decide(user, requester_id=request.requester_id, affected_user=request.terms.affected_user)
    because = policies.check_reason(because)
    if Decision.objects.filter(request=request, person=user).exists():
        raise DecidedBefore(f"you have decided on request {request.pk}; one person has one decision")
    check_pending(request)
    if digest != request.terms.digest:
        raise DigestDiffers(f"request {request.pk} has the digest {request.terms.digest}; read it again and send that")
    return cleaned(because, request)


def _decide(request: RecoveryRequest, verdict: Verdict, *, user: User, by: Actor, at: datetime, because: str) -> None:
    Decision.objects.create(
        request=request,
        person=user,
        verdict=verdict,
        digest=request.terms.digest,
        because=because,
        token_prefix=by.token_prefix,
        decided_at=at,
    )
