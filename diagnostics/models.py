"""Tables of stacks, runs, results and evidence."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from awe_incidents.growth.models import Content
from awe_incidents.monthly import MonthlyId
from diagnostics.checks.base import SUITES
from diagnostics.checks.result import State
from diagnostics.diagnosis.diagnosis import Conclusion
from diagnostics.stack.schema import ENVIRONMENTS
from diagnostics.states import ResultProgress, RunState

# A finished run that saw no failure, and whose results are still there: what later ones are compared with.
WITHOUT_FAILURE = Q(state=RunState.FINISHED, results_removed_at=None) & ~Q(counts__has_key=State.FAIL.value)
BAD = (State.WARN, State.FAIL, State.ERROR)
LEAST_EVERY = timedelta(minutes=1)


class Stack(models.Model):
    """One deployment under care, as its stack.toml describes it."""

    name = models.CharField(max_length=63, unique=True)
    environment = models.CharField(max_length=16, choices=[(name, name) for name in ENVIRONMENTS])
    document = models.JSONField()  # validated, secret references only
    digest = models.CharField(max_length=64)  # SHA-256 of the document
    redaction_key = models.BinaryField(editable=False)  # encrypted; equal secrets get equal tokens within the stack
    applied_at = models.DateTimeField()
    secrets_set_at = models.DateTimeField(null=True)  # redactors made before do not know the newest secret

    class Meta:
        constraints = [models.CheckConstraint(name="stack_environment", condition=Q(environment__in=ENVIRONMENTS))]

    def __str__(self) -> str:
        return self.name


class StackSecret(models.Model):
    """A secret that a stack's `db:NAME` refers to, encrypted."""

    stack = models.ForeignKey(Stack, on_delete=models.CASCADE, related_name="secrets")
    name = models.CharField(max_length=63)
    ciphertext = models.BinaryField(editable=False)
    set_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="stack_secret_once", fields=["stack", "name"])]

    def __str__(self) -> str:
        return f"{self.stack_id}/{self.name}"


class StackSchedule(models.Model):
    """When a stack is looked at next by the clock, as its description has it; this row is the truth, beat only rings.

    A schedule that was taken away and comes back is another one, with another id.
    """

    stack = models.OneToOneField(Stack, on_delete=models.CASCADE, related_name="schedule")
    every = models.DurationField()
    suite = models.CharField(max_length=16)
    opens_incidents = models.BooleanField()
    due_at = models.DateTimeField()  # by the database's clock

    class Meta:
        constraints = [
            models.CheckConstraint(name="schedule_suite", condition=Q(suite__in=SUITES)),
            models.CheckConstraint(name="schedule_every", condition=Q(every__gte=LEAST_EVERY)),
        ]
        indexes = [models.Index(fields=["due_at"], name="schedule_due")]

    def __str__(self) -> str:
        return f"schedule of stack {self.stack_id}"

    @property
    def every_minutes(self) -> int:
        """Give the interval as the description has it."""
        return self.every // LEAST_EVERY


class CheckBaseline(models.Model):
    """What is usual for one check on one stack: the last good values of what it measures."""

    stack = models.ForeignKey(Stack, on_delete=models.CASCADE, related_name="baselines", db_index=False)
    slug = models.CharField(max_length=100)
    values = models.JSONField(default=dict)  # list of numbers by what was measured, oldest first
    learned_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="baseline_once", fields=["stack", "slug"])]

    def __str__(self) -> str:
        return f"{self.slug} on stack {self.stack_id}"


class Run(models.Model):
    """One set of checks on one stack for one reason."""

    stack = models.ForeignKey(Stack, on_delete=models.PROTECT, related_name="runs")
    suite = models.CharField(max_length=16)
    reason = models.CharField(max_length=200)
    is_scheduled = models.BooleanField(default=False, db_default=False)  # asked for by the clock
    checks = ArrayField(
        models.CharField(max_length=100), default=list, db_default=[]
    )  # it looks with these and what they require; none: with its suite
    state = models.CharField(max_length=16, default=RunState.QUEUED)
    requested_at = models.DateTimeField()
    rung_at = models.DateTimeField()  # when its doorbell was last rung
    starts = models.PositiveSmallIntegerField(default=0)  # attempts to start it, counted before each
    started_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    document = models.JSONField(null=True)  # the stack as it was when the run started
    counts = models.JSONField(default=dict)  # results by state, once finished
    digest = models.CharField(max_length=64, default="")  # SHA-256 over the results, once finished
    results_removed_at = models.DateTimeField(null=True)  # by the stack's retention, with their evidence

    class Meta:
        constraints = [
            models.CheckConstraint(name="run_state", condition=Q(state__in=list(RunState))),
            models.CheckConstraint(name="run_suite", condition=Q(suite__in=SUITES)),
            models.CheckConstraint(
                name="run_finished_whole",
                condition=~Q(state=RunState.FINISHED) | (Q(finished_at__isnull=False) & ~Q(digest="")),
            ),
            models.UniqueConstraint(
                name="run_scheduled_once",
                fields=["stack"],
                condition=Q(is_scheduled=True) & ~Q(state=RunState.FINISHED),
            ),
        ]
        indexes = [
            models.Index(fields=["stack", "-id"], name="run_of_stack"),
            models.Index(fields=["stack", "-id"], name="run_good", condition=WITHOUT_FAILURE),
            models.Index(fields=["state", "id"], name="run_open", condition=~Q(state=RunState.FINISHED)),
            models.Index(
                fields=["stack", "finished_at"],
                name="run_with_results",
                condition=Q(state=RunState.FINISHED, results_removed_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk}"


class CheckResult(models.Model):
    """The answer of one check in one run; made empty when the run starts."""

    id = MonthlyId(primary_key=True)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="results", db_index=False)
    slug = models.CharField(max_length=100)
    version = models.PositiveSmallIntegerField()
    progress = models.CharField(max_length=16, default=ResultProgress.WAITING)
    fence = models.PositiveIntegerField(default=0)  # counts claims; a stale worker's write is refused
    ready_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    state = models.CharField(max_length=8, default="", blank=True)
    is_blocking = models.BooleanField(default=False)
    code = models.CharField(max_length=100, default="")
    message = models.TextField(default="")
    target = models.CharField(max_length=500, default="")
    findings = models.JSONField(default=list)
    prerequisite = models.CharField(max_length=100, default="")
    next_checks = ArrayField(models.CharField(max_length=100), default=list)
    vantage = models.CharField(max_length=100, default="")
    started_at = models.DateTimeField(null=True)
    duration_ms = models.PositiveIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="result_once", fields=["run", "slug"]),
            models.CheckConstraint(name="result_progress", condition=Q(progress__in=list(ResultProgress))),
            models.CheckConstraint(
                name="result_stored_whole",
                condition=(Q(progress=ResultProgress.STORED) & Q(state__in=list(State)) & ~Q(code=""))
                | (~Q(progress=ResultProgress.STORED) & Q(state="")),
            ),
            models.CheckConstraint(
                name="result_lease_while_looking",
                condition=~Q(progress=ResultProgress.LOOKING) | Q(lease_until__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["progress", "ready_at"], name="result_open", condition=~Q(progress=ResultProgress.STORED)
            ),
            # What people look for across runs is what is wrong; of what passes there is enough on every page.
            models.Index(fields=["state", "-id"], name="result_bad", condition=Q(state__in=BAD)),
            models.Index(fields=["code", "-id"], name="result_bad_code", condition=Q(state__in=BAD)),
        ]

    def __str__(self) -> str:
        return f"{self.slug} of run {self.run_id}"


class Diagnosis(models.Model):
    """What the results of a finished run mean, in the form of diagnosis/diagnosis.py; kept when results are removed."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, primary_key=True, related_name="diagnosis")
    conclusion = models.CharField(max_length=16)
    cause = models.CharField(max_length=100, default="", blank=True)  # the likeliest one's slug; "" without one
    subject = models.CharField(max_length=500, default="", blank=True)  # of that cause
    document = models.JSONField()
    signatures = ArrayField(
        models.CharField(max_length=32), default=list
    )  # codes of known log lines that tell of trouble

    class Meta:
        verbose_name_plural = "diagnoses"
        constraints = [
            models.CheckConstraint(name="diagnosis_conclusion", condition=Q(conclusion__in=list(Conclusion)))
        ]
        indexes = [models.Index(fields=["cause", "-run"], name="diagnosis_by_cause", condition=~Q(cause=""))]

    def __str__(self) -> str:
        return f"diagnosis of run {self.run_id}"


class Handover(models.Model):
    """A secret that a check gives to its dependants of the same run; encrypted, gone when the run finishes."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="handovers")
    name = models.CharField(max_length=63)
    ciphertext = models.BinaryField(editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(name="handover_once", fields=["run", "name"])]

    def __str__(self) -> str:
        return f"{self.name} of run {self.run_id}"


class EvidenceText(Content):
    """Redacted text, once per content: compressed, under the SHA-256 of its bytes."""

    compressed = models.BinaryField(editable=False)  # zlib
    size_bytes = models.PositiveIntegerField()
    line_count = models.PositiveIntegerField()


class Evidence(models.Model):
    """What a check saw: where it comes from, which text, and what was removed from it."""

    id = MonthlyId(primary_key=True)
    # No key in the database points into a table whose months are dropped; both rows go with their run.
    result = models.ForeignKey(
        CheckResult, on_delete=models.CASCADE, related_name="evidence", db_index=False, db_constraint=False
    )
    key = models.CharField(max_length=16)
    kind = models.CharField(max_length=32)
    source = models.TextField()
    text = models.ForeignKey(EvidenceText, on_delete=models.PROTECT, related_name="uses")
    first_line = models.PositiveIntegerField(default=1)
    captured_from = models.DateTimeField(null=True)
    captured_until = models.DateTimeField(null=True)
    rule_set_version = models.CharField(max_length=32, default="")
    redactions = models.JSONField(default=dict)  # count by rule, never a value
    dropped_bytes = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "evidence"
        constraints = [models.UniqueConstraint(name="evidence_key_once", fields=["result", "key"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.source[:60]}"
