"""What people do to a request of recovery: decide, take back, stop, break the glass, review, and say how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.recovery import operations, policies
from awe_incidents.recovery.errors import RecoveryError
from awe_incidents.recovery.models import RecoveryRequest, Review
from awe_incidents.recovery.states import ExecutionState, RequestState, ReviewState, ReviewVerdict
from awe_incidents.triage.recovery_forms import (
    FOUND,
    ApprovalForm,
    BecauseForm,
    BoundForm,
    BreakGlassForm,
    MayBecauseForm,
    ResolutionForm,
    ReviewForm,
)
from awe_incidents.triage.recovery_shown import cited_for, execution_of, execution_shown, facts_of, is_waiting, terms_of
from awe_incidents.triage.steps import Asked, Step

STOPPABLE = (ExecutionState.QUEUED, ExecutionState.CLAIMED, ExecutionState.RUNNING)


def may_ask(user: User) -> bool:
    """Say whether somebody asks for actions, stops them and says how they ended; the policy decides again."""
    return user.has_role(Role.OPERATOR)


def may_decide(user: User) -> bool:
    """Say whether somebody decides and reviews at all; the policy decides again."""
    return user.has_role(Role.APPROVER)


def refusal_of(check: Callable[[], None]) -> str:
    """Give what a policy has against it, in its own words."""
    try:
        check()
    except RecoveryError as refusal:
        return str(refusal)
    return ""


def why_not_decide(thing: Any, user: User) -> str:
    """Say why this person does not decide on this request; empty where they may."""
    request = cast("RecoveryRequest", thing)
    if not is_waiting(request):
        return f"request {request.pk} is {request.state.replace('_', ' ')}, so nobody decides on it now"
    affected = request.terms.affected_user
    refusal = refusal_of(
        lambda: policies.check_may_decide(user, requester_id=request.requester_id, affected_user=affected)
    )
    if not refusal and any(one.person_id == user.pk for one in request.decisions.all()):  # lists have read them
        return "you have decided on it; one person has one decision"
    return refusal


def why_not_review(thing: Any, user: User) -> str:
    """Say why this person does not review this break-glass; empty where they may."""
    review = _review_of(thing)
    if review is None or review.state != ReviewState.DUE:
        return f"request {thing.pk} has no review that is due"
    return refusal_of(
        lambda: policies.check_may_review(
            user,
            broken_by=review.broken_by_id,
            requester_id=thing.requester_id,
            affected_user=thing.terms.affected_user,
        )
    )


def _why_not_withdraw(thing: Any, user: User) -> str:
    return refusal_of(lambda: policies.check_may_withdraw(user, requester_id=thing.requester_id))


def _why_not_break(thing: Any, user: User) -> str:
    return refusal_of(lambda: policies.check_may_break_glass(user, incident_id=thing.incident_id))


def _review_of(request: RecoveryRequest) -> Review | None:
    return getattr(request, "review", None)


def _is_in(*states: ExecutionState) -> Callable[[Any], bool]:
    def is_offered(thing: Any) -> bool:
        execution = execution_of(thing)
        return execution is not None and execution.state in states and execution.cancel_asked_at is None

    return is_offered


def _is_unknown(thing: Any) -> bool:
    execution = execution_of(thing)
    return execution is not None and execution.state == ExecutionState.OUTCOME_UNKNOWN


def _has_due_review(thing: Any) -> bool:
    review = _review_of(thing)
    return review is not None and review.state == ReviewState.DUE


def _approve(asked: Asked) -> str:
    request = operations.approve_request(request=asked.thing, user=asked.user, by=asked.by, at=asked.at, **asked.fields)
    if is_waiting(request):
        return f"You approved request {request.pk}; it needs another approval."
    return f"Request {request.pk} is approved and queued; this page follows it."


def _deny(asked: Asked) -> str:
    operations.deny_request(request=asked.thing, user=asked.user, by=asked.by, at=asked.at, **asked.fields)
    return f"Request {asked.thing.pk} is denied for good."


def _withdraw(asked: Asked) -> str:
    operations.withdraw_request(request=asked.thing, user=asked.user, by=asked.by, at=asked.at, **asked.fields)
    return f"Request {asked.thing.pk} is withdrawn."


def _cancel(asked: Asked) -> str:
    request = operations.cancel_request(request=asked.thing, user=asked.user, by=asked.by, at=asked.at, **asked.fields)
    if request.state == RequestState.CANCELLED:
        return f"Request {request.pk} is cancelled; nothing was done."
    return f"Request {request.pk} stops before its next step."


def _break_glass(asked: Asked) -> str:
    request = operations.break_glass(request=asked.thing, user=asked.user, by=asked.by, at=asked.at, **asked.fields)
    return f"Request {request.pk} is queued without an approval. Another person reviews that within a day."


def _review(asked: Asked) -> str:
    review = operations.review_break_glass(
        request=asked.thing,
        verdict=ReviewVerdict(asked.fields["verdict"]),
        findings=asked.fields["findings"],
        user=asked.user,
        by=asked.by,
        at=asked.at,
    )
    return f"The break-glass of request {asked.thing.pk} is reviewed: {dict(FOUND)[ReviewVerdict(review.verdict)]}."


def _resolve(asked: Asked) -> str:
    state = ExecutionState(asked.fields["state"])
    operations.resolve_outcome(
        request=asked.thing, state=state, because=asked.fields["because"], user=asked.user, by=asked.by, at=asked.at
    )
    return f"Request {asked.thing.pk}: the outcome is {state.replace('_', ' ')}, as you say."


def _shown(thing: Any, user: User) -> Mapping[str, Any]:
    """Give what exactly is decided on."""
    return {
        "facts": facts_of(thing),
        "cited": cited_for(thing, user),
        "because": thing.because,
        **terms_of(thing),
        **execution_shown(thing),
    }


_TEMPLATE = "triage/recovery_decision.html"
REQUEST_STEPS = (
    Step(
        name="approve",
        title="Approve",
        explanation="Lets exactly this be done, once. It is looked at again before it begins; any difference stops it.",
        form=ApprovalForm,
        may=may_decide,
        is_offered=is_waiting,
        why_not=why_not_decide,
        carry_out=_approve,
        template=_TEMPLATE,
        beside=_shown,
    ),
    Step(
        name="deny",
        title="Deny",
        explanation="Ends this request for good, whoever else approves. Nothing is done.",
        form=BoundForm,
        may=may_decide,
        is_offered=is_waiting,
        why_not=why_not_decide,
        carry_out=_deny,
        template=_TEMPLATE,
        beside=_shown,
    ),
    Step(
        name="withdraw",
        title="Withdraw",
        explanation="Takes your request back. Nothing is done.",
        form=MayBecauseForm,
        may=may_ask,
        is_offered=is_waiting,
        why_not=_why_not_withdraw,
        carry_out=_withdraw,
    ),
    Step(
        name="break-glass",
        title="Break the glass",
        explanation="Queues this without an approval. Another person reviews that within a day; until then neither you"
        " nor this stack has another. It waits for no freeze or window, and has to begin within a quarter of an hour.",
        form=BreakGlassForm,
        may=lambda user: user.has_role(Role.RESPONDER),
        is_offered=lambda thing: is_waiting(thing) and thing.incident_id is not None,
        why_not=_why_not_break,
        carry_out=_break_glass,
        is_grave=True,
        template=_TEMPLATE,
        beside=_shown,
    ),
    Step(
        name="cancel",
        title="Cancel",
        explanation="Stops it: at once while nothing was done, else before its next step. What was done stays done.",
        form=BecauseForm,
        may=may_ask,
        is_offered=_is_in(*STOPPABLE),
        carry_out=_cancel,
    ),
    Step(
        name="resolve",
        title="Say how it ended",
        explanation="The worker was lost and looking at the target did not tell. Look there; your word frees it.",
        form=ResolutionForm,
        may=may_ask,
        is_offered=_is_unknown,
        carry_out=_resolve,
    ),
    Step(
        name="review",
        title="Review the break-glass",
        explanation="Says whether going past the approval was in order. From then on the glass can be broken again.",
        form=ReviewForm,
        may=may_decide,
        is_offered=_has_due_review,
        why_not=why_not_review,
        carry_out=_review,
        template=_TEMPLATE,
        beside=_shown,
    ),
)
