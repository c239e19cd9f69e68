"""Go past the approval in an emergency, tell who may review it, and have one of them do so within a day."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.recovery import policies
from awe_incidents.recovery.errors import BreakGlassRefused, TransitionNotAllowed
from awe_incidents.recovery.models import RecoveryRequest, Review
from awe_incidents.recovery.operations.deciding import check_pending
from awe_incidents.recovery.operations.moving import (
    cleaned,
    database_now,
    held_request,
    move_request,
    queue_execution,
    record,
)
from awe_incidents.recovery.operations.notifying import write_notices
from awe_incidents.recovery.policies import BREAK_GLASS_TIME, MAX_BREAK_GLASS, REVIEW_TIME, Tier
from awe_incidents.recovery.states import RequestState, ReviewState, ReviewVerdict


@transaction.atomic
def break_glass(
    *, request: RecoveryRequest, user: User, by: Actor, at: datetime, because: str, typed_stack: str = ""
) -> RecoveryRequest:
    """Queue a request that nobody has approved; a review is due, and until then neither person nor stack has another.

    It stands for the second person alone: whatever else the tier takes is taken.
    Raises: RoleRequired, IncidentRequired, ReasonRequired, StackNotNamed, TransitionNotAllowed, RequestExpired,
    BreakGlassRefused, TooOften, TrailUnavailable.
    """
    request = held_request(request.pk)
    policies.check_may_break_glass(user, incident_id=request.incident_id)
    because = cleaned(policies.check_reason(because), request)
    check_pending(request)
    policies.check_stack_named(Tier(request.tier), typed=typed_stack, stack_name=request.stack.name)
    review = _due_review(request, user=user, by=by, at=at, because=because)
    move_request(request, RequestState.BREAK_GLASS, at=at)
    move_request(request, RequestState.APPROVED, at=at)
    queue_execution(request, at=at)
    record(
        "recovery_request:glass_broken",
        request,
        by=by,
        at=at,
        because=because,
        review=review.pk,
        due_at=trail.moment(review.due_at),
        notices=write_notices(review),
    )
    return request


def _due_review(request: RecoveryRequest, *, user: User, by: Actor, at: datetime, because: str) -> Review:
    now = database_now()
    recent = Review.objects.filter(broken_by=user, broken_at__gt=now - REVIEW_TIME).count()
    if recent >= MAX_BREAK_GLASS:
        raise BreakGlassRefused(f"you broke the glass {recent} times within a day; let somebody approve this one")
    try:
        with transaction.atomic():
            return Review.objects.create(
                request=request,
                stack=request.stack,
                broken_by=user,
                token_prefix=by.token_prefix,
                because=because,
                broken_at=at,
                claim_until=min(now + BREAK_GLASS_TIME, request.expires_at),
                due_at=now + REVIEW_TIME,
            )
    except IntegrityError:
        raise BreakGlassRefused("an earlier break-glass, yours or on this stack, waits for its review") from None


@transaction.atomic
def review_break_glass(
    *, request: RecoveryRequest, verdict: ReviewVerdict, user: User, by: Actor, at: datetime, findings: str
) -> Review:
    """Say whether a break-glass was in order.

    Raises: RoleRequired, OwnBreakGlass, AffectedUser, ReasonRequired, TransitionNotAllowed.
    """
    reviews = Review.objects.select_for_update(of=("self",)).select_related("request__terms")
    review = reviews.filter(request=request).first()
    if review is None or review.state != ReviewState.DUE:
        raise TransitionNotAllowed(f"request {request.pk} has no review that is due")
    policies.check_may_review(
        user,
        broken_by=review.broken_by_id,
        requester_id=review.request.requester_id,
        affected_user=review.request.terms.affected_user,
    )
    findings = cleaned(policies.check_reason(findings), request)
    Review.objects.filter(pk=review.pk).update(
        state=ReviewState.REVIEWED, reviewer=user, verdict=verdict, findings=findings, reviewed_at=at
    )
    record(
        "recovery_request:reviewed",
        request,
        by=by,
        at=at,
        because=findings,
        review=review.pk,
        verdict=verdict,
        is_late=database_now() > review.due_at,
    )
    review.refresh_from_db()
    return review
