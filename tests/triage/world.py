"""What the desk's tests look at: reports, runs that were carried out, and people who sign in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.incidents.models import BugReport, Incident
from awe_incidents.incidents.operations import file_bug_report
from awe_incidents.triage.facts import address
from diagnostics.checks.result import Evidence, Finding, Measurement, Result, State
from diagnostics.looking.look import Look
from diagnostics.models import CheckResult, Run, Stack
from diagnostics.operations.looks import claim_check, store_look
from diagnostics.operations.runs import start_run
from diagnostics.states import ResultProgress, RunState

SCRIPT = "<script>alert('of a stranger')</script>"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6MTc2MDAwMDAwMH0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
FIELDS = {
    "environment": "Production",
    "docker_compose_version": f"2.29 {SCRIPT}",
    "container_logs": f"api | Authorization: Bearer {JWT}\napi | {SCRIPT}",
    "steps_to_reproduce": SCRIPT,
    "expected_behavior": SCRIPT,
    "actual_behavior": f"502 {SCRIPT}",
    "screenshots": SCRIPT,
}
LOG = "\n".join([*(f"line {number}" for number in range(1, 40)), f"line 40 {SCRIPT}"])


@dataclass(frozen=True)
class Answer:
    """What a check shall have found: the lines of LOG that it cites."""

    state: State
    code: str
    first_line: int = 10
    last_line: int = 12
    content: str = LOG


def actor(user: User) -> Actor:
    return Actor(kind="user", name=user.username, user_id=user.pk)


def file(stack: Stack, user: User, *, new_incident: bool = True, **fields: str) -> tuple[BugReport, Run]:
    filed = file_bug_report(
        stack=stack,
        fields=FIELDS | fields,
        reporter=user,
        by=actor(user),
        at=timezone.now(),
        new_incident=new_incident,
    )
    return filed.report, filed.run


def begin(run: Run) -> Run:
    assert start_run(run_id=run.pk, at=timezone.now())
    run.refresh_from_db()
    return run


def answer_one(run: Run, answers: Mapping[str, Answer]) -> bool:
    """Claim the next ready check, as a worker does, and store what it shall have found."""
    ready = CheckResult.objects.filter(run=run, progress=ResultProgress.READY).order_by("slug").first()
    if ready is None:
        return False
    row = claim_check(result_id=ready.pk)
    return store_look(row=row, look=Look(_result(row, answers.get(row.slug)), {}), at=timezone.now())


def carry_out(run: Run, answers: Mapping[str, Answer] | None = None) -> Run:
    """Carry a run out to its end; checks without a given answer pass."""
    if run.state == RunState.QUEUED:
        begin(run)
    while answer_one(run, answers or {}):
        pass
    run.refresh_from_db()
    assert run.state == RunState.FINISHED
    return run


def _result(row: CheckResult, answer: Answer | None) -> Result:
    seen = answer or Answer(State.PASS, "all.right")
    source = f"/logs/{SCRIPT}.log"
    piece = Evidence(key="e1", kind="log_excerpt", source=source, content=seen.content, redactions={"jwt": 2})
    finding = Finding(
        state=seen.state,
        code=seen.code,
        message=f"{row.slug} says {SCRIPT}",
        target=f"api {SCRIPT}",
        measured={"left": Measurement(-3, "d")},
        citations=(piece.lines(seen.first_line, seen.last_line),),
        blocks=False,
    )
    return Result(
        check=row.slug,
        version=row.version,
        findings=(finding,),
        evidence=(piece,),
        started_at=timezone.now(),
        duration_ms=12,
        vantage="worker",
    )


def signed_in(user: User, *, enforce_csrf_checks: bool = False) -> Client:
    """Give a browser's client of a person who may use the desk."""
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client(enforce_csrf_checks=enforce_csrf_checks)
    client.force_login(user)
    return client


def incident_page(incident: Incident, part: str = "change") -> str:
    return address(incident, part=part)


def lists() -> list[str]:
    """Give the addresses of all lists of the desk."""
    from django.contrib import admin

    return [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") for model in admin.site._registry
    ]
