"""Ask for an action: planned, bound to a digest, and approved at once only where no second person is needed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.reports import cleaned_text
from awe_incidents.recovery import policies
from awe_incidents.recovery.errors import ActionNotApplicable, DigestDiffers
from awe_incidents.recovery.models import Recommendation, RecoveryRequest, RequestTerms
from awe_incidents.recovery.operations.moving import database_now, move_request, queue_execution, record
from awe_incidents.recovery.operations.planning import plan_action
from awe_incidents.recovery.operations.rating import check_rate
from awe_incidents.recovery.policies import TIME_TO_LIVE, Tier, approvals_needed
from awe_incidents.recovery.recommendations import Recommended, recommendation
from awe_incidents.recovery.states import RequestState
from diagnostics.models import Run, Stack


@transaction.atomic
def request_action(
    *,
    stack: Stack,
    slug: str,
    document: Any,
    user: User,
    by: Actor,
    at: datetime,
    because: str,
    incident: Incident | None = None,
    retry_of: RecoveryRequest | None = None,
    seen: str = "",
    recommended: Recommended | None = None,
) -> RecoveryRequest:
    """Plan an action and ask for it; it lives for an hour, and is carried out once at most.

    What a diagnosis recommended is kept with the request: the cause, and the evidence that it cited.
    With `seen` (`Planned.seen` of a plan that was shown) only where the plan is that one still.
    Raises: what `plan_action` raises, ReasonRequired, DigestDiffers, TooOften, TrailUnavailable, ActionNotApplicable
    (the incident is of another stack).
    """
    because = cleaned_text(policies.check_reason(because), stack=stack)
    for other, what in ((incident, "incident"), (retry_of, "request")):
        if other is not None and other.stack_id != stack.pk:
            raise ActionNotApplicable(f"{what} {other.pk} is about another stack")
    planned = plan_action(stack=stack, slug=slug, document=document, user=user)
    if seen and seen != planned.seen:
        raise DigestDiffers("this is not the plan that you saw: read it again before you ask")
    tier = Tier(planned.action.tier)
    expires_at = database_now() + TIME_TO_LIVE
    terms = planned.terms(stack=stack, requester=user.pk, expires_at=trail.moment(expires_at))
    request = RecoveryRequest.objects.create(
        stack=stack,
        incident=incident,
        requester=user,
        requester_token=by.token_prefix,
        action=planned.action.slug,
        tier=tier,
        approvals_needed=approvals_needed(tier),
        target=planned.target,
        rate_times=planned.action.rate.times,
        rate_seconds=planned.action.rate.seconds,
        because=because,
        retry_of=retry_of,
        requested_at=at,
        changed_at=at,
        expires_at=expires_at,
    )
    request.terms = RequestTerms.objects.create(
        request=request,
        version=planned.action.version,
        parameters=planned.document,
        facts=planned.acting.facts,
        fingerprint=planned.fingerprint,
        plan=planned.plan,
        digest=terms.digest,
        affected_user=planned.action.affected_user(planned.acting.parameters),
    )
    if recommended is not None:
        _keep(recommended, request)
    _record_requested(request, by=by, at=at, recommended=recommended)
    if request.approvals_needed:
        check_rate(request, now=database_now())  # nobody shall approve in vain
        move_request(request, RequestState.PENDING_APPROVAL, at=at)
    else:
        move_request(request, RequestState.APPROVED, at=at)
        execution = queue_execution(request, at=at)
        record("recovery_request:approved", request, by=by, at=at, approvals=0, execution=execution.pk)
    return request


@transaction.atomic
def request_recommended(
    *,
    incident: Incident,
    run: Run,
    cause: str,
    subject: str,
    slug: str,
    document: Mapping[str, Any],
    user: User,
    by: Actor,
    at: datetime,
    because: str,
) -> RecoveryRequest:
    """Ask for what the diagnosis of an incident's run recommends; `document` adds to the parameters, or changes them.

    Raises: what `request_action` raises, NotRecommended.
    """
    recommended = recommendation(run, cause=cause, subject=subject, action=slug)
    return request_action(
        stack=incident.stack,
        slug=slug,
        document={**recommended.parameters, **document},
        incident=incident,
        recommended=recommended,
        user=user,
        by=by,
        at=at,
        because=because,
    )


def _keep(recommended: Recommended, request: RecoveryRequest) -> None:
    Recommendation.objects.create(
        request=request,
        run_id=recommended.run,
        cause=recommended.cause,
        subject=recommended.subject,
        sentence=recommended.sentence,
        evidence=list(recommended.evidence),
    )


def _record_requested(request: RecoveryRequest, *, by: Actor, at: datetime, recommended: Recommended | None) -> None:
    about = {"run": recommended.run, "cause": recommended.cause} if recommended else {}
    record(
        "recovery_request:requested",
        request,
        by=by,
        at=at,
        because=request.because,
        stack=request.stack_id,
        tier=request.tier,
        target=request.target,
        retry_of=request.retry_of_id,
        expires_at=trail.moment(request.expires_at),
        **about,
    )
