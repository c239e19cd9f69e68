"""Tables of requests, decisions, executions and reviews.

What is locked lies in another table than what never changes: `RecoveryRequest` beside its `RequestTerms`, `Execution`
beside its output. The migrations hold the transition tables, who may not decide, and the order of things as triggers.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from awe_incidents.incidents.models import Incident
from awe_incidents.recovery.effects import FITTING
from awe_incidents.recovery.freezes import Freeze as Freeze
from awe_incidents.recovery.freezes import MaintenanceWindow as MaintenanceWindow
from awe_incidents.recovery.journaled import JournaledAction as JournaledAction
from awe_incidents.recovery.manual_attachment import ManualAttachment as ManualAttachment
from awe_incidents.recovery.one_time_secret import OneTimeSecret as OneTimeSecret
from awe_incidents.recovery.recheck import Recheck as Recheck
from awe_incidents.recovery.recommendation import Recommendation as Recommendation
from awe_incidents.recovery.review_notice import ReviewNotice as ReviewNotice
from awe_incidents.recovery.states import (
    FINAL_EXECUTIONS,
    FINAL_REQUESTS,
    HELD,
    Effect,
    ExecutionState,
    RequestState,
    ReviewState,
    ReviewVerdict,
    StepState,
    Verdict,
)
from diagnostics.models import Stack

PERSON = settings.AUTH_USER_MODEL


class RecoveryRequest(models.Model):
    """Somebody asks for an action; only where it stands ever changes."""

    stack = models.ForeignKey(Stack, on_delete=models.PROTECT, related_name="recovery_requests", db_index=False)
    incident = models.ForeignKey(
        Incident, on_delete=models.PROTECT, null=True, related_name="recovery_requests", db_index=False
    )
    requester = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+", db_index=False)
    requester_token = models.CharField(max_length=12, default="")  # its public prefix
    action = models.CharField(max_length=100)
    tier = models.PositiveSmallIntegerField()
    approvals_needed = models.PositiveSmallIntegerField()
    target = models.CharField(max_length=300)  # what an execution locks; "" is the stack
    rate_times = models.PositiveIntegerField(db_default=0)  # of the action on this target in `rate_seconds`; 0 is any
    rate_seconds = models.PositiveIntegerField(db_default=0)
    because = models.TextField()  # redacted
    retry_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="retries")
    state = models.CharField(max_length=20, default=RequestState.PLANNED)
    requested_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    expires_at = models.DateTimeField()  # by the database's clock

    class Meta:
        constraints = [
            models.CheckConstraint(name="recovery_request_state", condition=Q(state__in=list(RequestState))),
            models.CheckConstraint(name="recovery_request_tier", condition=Q(tier__lte=3)),
            # Four eyes for what destroys, whatever the code in front of it believes.
            models.CheckConstraint(
                name="recovery_request_four_eyes", condition=Q(tier__lte=1) | Q(approvals_needed__gte=1)
            ),
            models.CheckConstraint(name="recovery_request_reason", condition=~Q(because="")),
        ]
        indexes = [
            # One for each thing by which lists are narrowed down: a list is read newest first, and never sorted.
            models.Index(fields=["stack", "-id"], name="recovery_of_stack"),
            models.Index(fields=["state", "-id"], name="recovery_in_state"),
            models.Index(fields=["action", "-id"], name="recovery_of_action"),
            models.Index(fields=["requester", "-id"], name="recovery_of_requester"),
            models.Index(fields=["incident", "-id"], name="recovery_of_incident"),
            models.Index(fields=["stack", "action", "-id"], name="recovery_past"),
            models.Index(fields=["state", "id"], name="recovery_open", condition=~Q(state__in=FINAL_REQUESTS)),
        ]

    def __str__(self) -> str:
        return f"recovery request {self.pk}"


class RequestTerms(models.Model):
    """What exactly is asked for and approved; append-only, and `digest` covers all of it."""

    request = models.OneToOneField(
        RecoveryRequest, on_delete=models.PROTECT, primary_key=True, related_name="terms", db_index=False
    )
    version = models.PositiveIntegerField()  # of the action
    parameters = models.JSONField()  # secret references only
    facts = models.JSONField()  # by which the target is known again
    fingerprint = models.CharField(max_length=64)  # SHA-256 of the facts
    plan = models.JSONField()
    digest = models.CharField(max_length=64)
    affected_user = models.CharField(max_length=200, default="")

    def __str__(self) -> str:
        return f"terms of request {self.pk}"


class Decision(models.Model):
    """What one person decided, bound to the digest that they saw; append-only."""

    request = models.ForeignKey(RecoveryRequest, on_delete=models.PROTECT, related_name="decisions", db_index=False)
    person = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    verdict = models.CharField(max_length=16)
    digest = models.CharField(max_length=64)
    because = models.TextField()  # redacted
    token_prefix = models.CharField(max_length=12, default="")
    decided_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(name="decision_once", fields=["request", "person"]),
            models.CheckConstraint(name="decision_verdict", condition=Q(verdict__in=list(Verdict))),
            models.CheckConstraint(name="decision_reason", condition=~Q(because="")),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.person_id}"


class Execution(models.Model):
    """The one start of a request; whoever holds it by lease and fence may write, and nobody else."""

    request = models.OneToOneField(RecoveryRequest, on_delete=models.PROTECT, related_name="execution")
    state = models.CharField(max_length=20, default=ExecutionState.QUEUED)
    fence = models.PositiveIntegerField(default=0)  # grows with every claim
    lease_until = models.DateTimeField(null=True)  # by the database's clock
    rung_at = models.DateTimeField(db_default=Now())  # when its doorbell was last rung
    queued_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)  # the signed intent was there, the first step could begin
    finished_at = models.DateTimeField(null=True)
    intent = models.BigIntegerField(null=True)  # id of the entry in the trail
    cancel_asked_at = models.DateTimeField(null=True)
    effect = models.CharField(max_length=16, default=Effect.NONE)
    outcome = models.TextField(default="")  # in words, redacted
    verification = models.JSONField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="execution_state", condition=Q(state__in=list(ExecutionState))),
            models.CheckConstraint(name="execution_effect", condition=Q(effect__in=list(Effect))),
            models.CheckConstraint(
                name="execution_leased", condition=~Q(state__in=HELD) | Q(lease_until__isnull=False, fence__gt=0)
            ),
            models.CheckConstraint(
                name="execution_intended", condition=Q(started_at__isnull=True) | Q(intent__isnull=False)
            ),
            models.CheckConstraint(
                name="execution_finished",
                condition=~Q(state__in=FINAL_EXECUTIONS) | (Q(finished_at__isnull=False) & ~Q(outcome="")),
            ),
            models.CheckConstraint(name="execution_did", condition=FITTING),
        ]
        indexes = [
            models.Index(fields=["state", "id"], name="execution_open", condition=~Q(state__in=FINAL_EXECUTIONS)),
            models.Index(fields=["queued_at"], name="execution_queued"),
        ]

    def __str__(self) -> str:
        return f"execution {self.pk}"


class ExecutionStep(models.Model):
    """One effect of an execution, with the token that its target refuses a second time."""

    execution = models.ForeignKey(Execution, on_delete=models.PROTECT, related_name="steps", db_index=False)
    number = models.PositiveSmallIntegerField()
    key = models.CharField(max_length=100)
    title = models.TextField()  # redacted, as the plan has it: however many files or services it names
    token = models.CharField(max_length=200, unique=True)
    state = models.CharField(max_length=16, default=StepState.WAITING)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="step_number_once", fields=["execution", "number"]),
            models.CheckConstraint(name="step_state", condition=Q(state__in=list(StepState))),
        ]

    def __str__(self) -> str:
        return f"step {self.number} of execution {self.execution_id}"


class OutputChunk(models.Model):
    """A piece of what an execution said, redacted before it came here; append-only."""

    execution = models.ForeignKey(Execution, on_delete=models.PROTECT, related_name="output", db_index=False)
    number = models.PositiveIntegerField()
    fence = models.PositiveIntegerField()  # of who wrote it
    step = models.CharField(max_length=100, default="")  # its key; "" beside the steps
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(name="output_number_once", fields=["execution", "number"])]

    def __str__(self) -> str:
        return f"output {self.number} of execution {self.execution_id}"


class TargetLock(models.Model):
    """Who holds what: stack above service above database; released by a time, never by deleting."""

    stack = models.ForeignKey(Stack, on_delete=models.PROTECT, related_name="+", db_index=False)
    target = models.CharField(max_length=300)  # "" is the whole stack
    execution = models.ForeignKey(Execution, on_delete=models.PROTECT, related_name="locks")
    taken_at = models.DateTimeField(db_default=Now())
    released_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="target_held_once", fields=["stack", "target"], condition=Q(released_at__isnull=True)
            ),
            models.UniqueConstraint(
                name="execution_holds_once", fields=["execution"], condition=Q(released_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.target or 'the whole'} of stack {self.stack_id}"


class Review(models.Model):
    """A break-glass, and what another person found of it within a day."""

    request = models.OneToOneField(RecoveryRequest, on_delete=models.PROTECT, related_name="review")
    stack = models.ForeignKey(Stack, on_delete=models.PROTECT, related_name="+")
    broken_by = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")
    token_prefix = models.CharField(max_length=12, default="")
    because = models.TextField()  # redacted
    broken_at = models.DateTimeField()
    claim_until = models.DateTimeField()  # an emergency does not wait: later than this nothing starts
    due_at = models.DateTimeField()
    state = models.CharField(max_length=16, default=ReviewState.DUE)
    reviewer = models.ForeignKey(PERSON, on_delete=models.PROTECT, null=True, related_name="+")
    verdict = models.CharField(max_length=16, default="")
    findings = models.TextField(default="")  # redacted
    reviewed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Nobody breaks the glass a second time, and on no stack, while a review is due.
            models.UniqueConstraint(name="review_due_of_stack", fields=["stack"], condition=Q(state=ReviewState.DUE)),
            models.UniqueConstraint(
                name="review_due_of_person", fields=["broken_by"], condition=Q(state=ReviewState.DUE)
            ),
            models.CheckConstraint(name="review_state", condition=Q(state__in=list(ReviewState))),
            models.CheckConstraint(name="review_reason", condition=~Q(because="")),
            models.CheckConstraint(
                name="review_whole",
                condition=Q(state=ReviewState.DUE, reviewer=None, verdict="")
                | Q(
                    state=ReviewState.REVIEWED,
                    reviewer__isnull=False,
                    reviewed_at__isnull=False,
                    verdict__in=list(ReviewVerdict),
                ),
            ),
            models.CheckConstraint(name="review_by_another", condition=Q(reviewer=None) | ~Q(reviewer=F("broken_by"))),
        ]

    def __str__(self) -> str:
        return f"review of request {self.request_id}"


class ManualAction(models.Model):
    """What somebody did by hand, as they say; append-only, and never taken for an execution."""

    stack = models.ForeignKey(Stack, on_delete=models.PROTECT, related_name="manual_actions", db_index=False)
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, null=True, related_name="manual_actions")
    person = models.ForeignKey(PERSON, on_delete=models.PROTECT, related_name="+")  # who records it
    done_by = models.CharField(max_length=200)  # who did it, in words
    done_at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())
    because = models.TextField()  # this and the rest redacted
    commands = models.TextField(default="")
    output = models.TextField(default="")

    class Meta:
        constraints = [models.CheckConstraint(name="manual_action_reason", condition=~Q(because=""))]
        indexes = [models.Index(fields=["stack", "-id"], name="manual_action_of_stack")]

    def __str__(self) -> str:
        return f"manual action {self.pk}"
