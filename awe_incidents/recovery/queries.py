"""Reads of recovery; who may read any of it may read all of it (scope `recovery:read`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import (
    BooleanField,
    Case,
    CharField,
    F,
    Func,
    IntegerField,
    Prefetch,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Now

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.audit import trail
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import Attachment
from awe_incidents.incidents.queries import stored_attachments
from awe_incidents.recovery.actions.site import Past
from awe_incidents.recovery.digest import Terms, digest_of
from awe_incidents.recovery.freezes import Freeze, MaintenanceWindow
from awe_incidents.recovery.models import (
    Execution,
    ManualAction,
    ManualAttachment,
    OneTimeSecret,
    OutputChunk,
    Recheck,
    RecoveryRequest,
    Review,
)
from awe_incidents.recovery.states import (
    FINAL_EXECUTIONS,
    HAS_EFFECT,
    Effect,
    ExecutionState,
    RequestState,
    ReviewState,
    SecretState,
    Standing,
)

LAST = 5  # executions that say how long it takes
REMEMBERED = 100  # of each action, for actions that build on what was done
# What only the page of a request shows: lists do not read it.
NOT_LISTED = ("terms__plan", "terms__facts", "terms__parameters", "stack__document", "stack__redaction_key")


def requests() -> QuerySet[RecoveryRequest]:
    """Give the requests with what a list shows of them."""
    return RecoveryRequest.objects.select_related("stack", "requester", "terms", "execution", "review")


def whole_requests() -> QuerySet[RecoveryRequest]:
    """Give the requests with everything that belongs to them but their output."""
    return (
        requests()
        .select_related(
            "review__broken_by",
            "review__reviewer",
            "execution__recheck",
            "execution__secret__shown_to",
            "recommendation",
        )
        .prefetch_related("decisions__person", "execution__steps", "review__notices__person")
    )


def waiting_requests() -> QuerySet[RecoveryRequest]:
    """Give the requests that wait for an approval."""
    return requests().filter(state=RequestState.PENDING_APPROVAL)


def due_reviews() -> QuerySet[Review]:
    """Give the break-glasses that nobody has reviewed."""
    due = Review.objects.filter(state=ReviewState.DUE)
    return due.select_related("request__stack", "request__terms", "stack", "broken_by")


class IsAffected(Func):
    """Whether an account of a stack goes by a person's name or mail address, as `policies.is_affected` says."""

    function = "recovery_is_affected"
    output_field = BooleanField()


def reviewers_of(review: Review) -> QuerySet[User]:
    """Give who may review a break-glass, by the rule of `policies.check_may_review`."""
    people = User.objects.filter(is_active=True, roles__contains=[Role.APPROVER])
    others = people.exclude(pk__in=[review.broken_by_id, review.request.requester_id])
    affected = Value(review.request.terms.affected_user, TextField())
    return others.exclude(IsAffected(affected, F("username"), F("email")))


def may_review(review: Review, person: User) -> bool:
    """Say whether a person may review a break-glass."""
    return reviewers_of(review).filter(pk=person.pk).exists()


def is_bound(request: RecoveryRequest) -> bool:
    """Say whether the digest of a request covers what its rows say now; where not, somebody changed them."""
    terms = request.terms
    said = Terms(
        stack=request.stack.name,
        action=request.action,
        version=terms.version,
        parameters=terms.parameters,
        fingerprint=digest_of(terms.facts),
        plan=terms.plan,
        requester=request.requester_id,
        expires_at=trail.moment(request.expires_at),
    )
    return said.digest == terms.digest


def overdue_secrets() -> list[int]:
    """Give the requests whose secrets were not fetched in time."""
    late = OneTimeSecret.objects.filter(state=SecretState.SEALED, expires_at__lt=Now())
    return list(late.order_by("id").values_list("execution__request_id", flat=True)[:200])


def secrets_to_fetch(user: User) -> QuerySet[OneTimeSecret]:
    """Give the secrets that wait for a person, who asked for what made them; those that end first, first."""
    made = OneTimeSecret.objects.filter(
        state=SecretState.SEALED,
        expires_at__gt=Now(),
        execution__state__in=FINAL_EXECUTIONS,
        execution__effect__in=HAS_EFFECT,
        execution__request__requester=user,
    )
    return made.select_related("execution__request__stack").defer("ciphertext").order_by("expires_at")


def secret_shown_at(execution: Execution) -> datetime | None:
    """Give when the secret of an execution was shown, as the trail has it; None where it was not."""
    shown = Entry.objects.filter(subject_type="execution", subject_id=str(execution.pk), verb="execution:secret_shown")
    return shown.values_list("occurred_at", flat=True).first()


def output_of(execution: Execution) -> QuerySet[OutputChunk]:
    """Give what an execution said, in order."""
    return OutputChunk.objects.filter(execution=execution).order_by("number")


@dataclass(frozen=True, slots=True)
class Rechecked:
    """One check before an execution and after it, each as state, code and message; no `after` while the run goes."""

    check: str
    before: Mapping[str, str]
    after: Mapping[str, str] | None


def rechecked(recheck: Recheck) -> list[Rechecked]:
    """Give the checks that were run again after an execution, side by side."""
    after = {one["check"]: one for one in recheck.after or []}
    return [Rechecked(one["check"], one, after.get(one["check"])) for one in recheck.before]


def recheck_of(execution: Execution) -> Recheck | None:
    """Give what was looked at again after an execution; None where no check of its incident had failed."""
    found: Recheck | None = getattr(execution, "recheck", None)
    return found


def manual_actions() -> QuerySet[ManualAction]:
    """Give what was done by hand, with the files that belong to it."""
    files = ManualAttachment.objects.select_related("attachment").order_by("attachment")
    actions = ManualAction.objects.select_related("stack", "person", "journaled")
    return actions.prefetch_related(Prefetch("attached", files))


def manual_attachments() -> QuerySet[Attachment]:
    """Give the files of what was done by hand, never with their bytes."""
    return stored_attachments().select_related("manual").exclude(manual=None)


def last_seconds(action: str, *, stack_id: int) -> list[float]:
    """Give how long the last successful executions of an action on a stack took, newest first."""
    taken = _successes(action, stack_id=stack_id).annotate(
        taken=F("execution__finished_at") - F("execution__started_at")
    )
    return [round(one.total_seconds(), 1) for one in taken.values_list("taken", flat=True)[:LAST] if one is not None]


def last_successes(action: str, *, stack_id: int) -> list[Past]:
    """Give the last successful executions of an action on a stack, newest first."""
    asked = _successes(action, stack_id=stack_id).select_related("terms", "execution")[:REMEMBERED]
    past = [
        Past(
            one.execution.pk,
            one.terms.parameters,
            one.execution.finished_at,
            (one.execution.verification or {}).get("after", {}),
        )
        for one in asked.defer("terms__plan", "terms__facts", "execution__outcome")
        if one.execution.finished_at is not None
    ]
    return sorted(past, key=lambda one: one.finished_at, reverse=True)


def _successes(action: str, *, stack_id: int) -> QuerySet[RecoveryRequest]:
    """Give the requests whose executions succeeded, newest first, in the order of an index."""
    asked = RecoveryRequest.objects.filter(stack=stack_id, action=action, execution__state=ExecutionState.SUCCEEDED)
    return asked.order_by("-pk")


def held_up_by(request: RecoveryRequest) -> str:
    """Give the freeze or window that a request would wait for now; "" for nothing, and once it has begun."""
    is_past = request.state not in {RequestState.PENDING_APPROVAL, RequestState.APPROVED}
    if is_past or getattr(request, "review", None):  # a broken glass waits for nothing
        return ""
    return waits_for(stack_id=request.stack_id, tier=request.tier)


class WaitsFor(Func):
    """What keeps a tier from starting on a stack now, in words, "" for nothing; the database's rule asks the same."""

    function = "recovery_waits_for"
    output_field = TextField()


def waits_for(*, stack_id: int, tier: int) -> str:
    """Give the freeze or the window that whoever starts this tier on a stack would wait for now, or ""."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT recovery_waits_for(%s, %s)", [stack_id, tier])
        row: tuple[str] = cursor.fetchone()
    return row[0]


def startable(executions: QuerySet[Execution]) -> QuerySet[Execution]:
    """Leave out what waits for the end of a freeze or for a maintenance window."""
    waiting = WaitsFor(F("request__stack_id"), Cast("request__tier", IntegerField()))
    return executions.annotate(waits_for=waiting).filter(Q(waits_for="") | Q(request__review__isnull=False))


def counted_executions(*, stack_id: int, action: str, target: str, seconds: int) -> QuerySet[Execution]:
    """Give what counts of an action on a target: all of the last seconds but what ended without any effect."""
    since = Now() - Value(timedelta(seconds=seconds))
    started = Execution.objects.filter(
        request__stack=stack_id, request__action=action, request__target=target, queued_at__gt=since
    )
    return started.exclude(state__in=FINAL_EXECUTIONS, effect=Effect.NONE)


def freezes() -> QuerySet[Freeze]:
    """Give freezes, past ones too."""
    return Freeze.objects.select_related("stack", "person", "lifted_by")


def standing_freezes() -> QuerySet[Any]:
    """Give freezes, each with its `standing`."""
    standing = Case(
        When(lifted_at__isnull=False, then=Value(Standing.LIFTED)),
        When(ends_at__lte=Now(), then=Value(Standing.OVER)),
        When(starts_at__gt=Now(), then=Value(Standing.COMING)),
        default=Value(Standing.NOW),
        output_field=CharField(),
    )
    return freezes().annotate(standing=standing)


def holding_freeze(*, stack_id: int, tier: int) -> Freeze | None:
    """Give the freeze that `waits_for` tells of, or None."""
    holding = standing_freezes().filter(stack=stack_id, from_tier__lte=tier, standing=Standing.NOW)
    found: Freeze | None = holding.order_by("-ends_at").first()
    return found


def maintenance_windows() -> QuerySet[MaintenanceWindow]:
    """Give maintenance windows, closed ones too."""
    return MaintenanceWindow.objects.select_related("stack", "person", "closed_by")
