"""Runs of incidents that found something: carried out through operations, with the findings that a test names."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.operations import open_incident, request_incident_run
from diagnostics.checks.result import Citation, Evidence, Finding, Measurement, Result, State
from diagnostics.looking.look import Look
from diagnostics.models import CheckResult, Run, Stack
from diagnostics.operations.looks import claim_check, store_look
from diagnostics.operations.runs import close_run, start_run
from diagnostics.states import ResultProgress, RunState

EXPIRED = "certificate.expired"  # of the server: ssl, critical
EXPIRES_SOON = "certificate.near_expiry"  # ssl, high; low where it only warns
PORT_TAKEN = "port.taken"  # startup, critical
LINE, OTHER_LINE, ORDINARY_LINE = "log.rd-01", "log.rd-02", "log.rd-07"


def actor(user: User) -> Actor:
    return Actor(kind="user", name=user.username, user_id=user.pk)


def opened(stack: Stack, operator: User, title: str = "it does not work") -> Incident:
    return open_incident(stack=stack, title=title, user=operator, by=actor(operator), at=timezone.now())


def requested(incident: Incident, operator: User, *, at: datetime | None = None) -> Run:
    return request_incident_run(
        incident=incident, suite_name="database", user=operator, by=actor(operator), at=at or timezone.now()
    )


def failure(code: str, *, target: str = "api.example.org:8443", state: State = State.FAIL) -> Finding:
    return Finding(
        state=state,
        code=code,
        message=f"{code} at {target}",
        target=target,
        citations=(Citation("e1", 1, 2),),
        blocks=False,
    )


def line(code: str, *, number: int = 3) -> Finding:
    measured = {"lines": Measurement(number)}
    return Finding(state=State.PASS, code=code, message="known", target="api", measured=measured)


def finish(run: Run, *findings: Finding, at: datetime | None = None) -> Run:
    """Let one check give these findings, no other look, and the run end."""
    at = at or timezone.now()
    if run.state == RunState.QUEUED:
        assert start_run(run_id=run.pk, at=at)
    if findings:
        ready = CheckResult.objects.filter(run=run, progress=ResultProgress.READY).order_by("slug").first()
        assert ready is not None
        row = claim_check(result_id=ready.pk)
        assert store_look(row=row, look=Look(_result(row, findings)), at=at)
    assert close_run(run_id=run.pk, code="run.deadline", message="enough", at=at)
    run.refresh_from_db()
    return run


def finish_well(run: Run, *findings: Finding) -> Run:
    """Let every check pass, the first with these findings beside."""
    assert start_run(run_id=run.pk, at=timezone.now())
    fine = (Finding(state=State.PASS, code="all.right", message="as it should be"),)
    while ready := CheckResult.objects.filter(run=run, progress=ResultProgress.READY).order_by("slug").first():
        row = claim_check(result_id=ready.pk)
        store_look(row=row, look=Look(_result(row, findings or fine)), at=timezone.now())
        findings = ()
    run.refresh_from_db()
    assert run.state == RunState.FINISHED
    return run


def found(incident: Incident, operator: User, *findings: Finding) -> Run:
    """Look at an incident's stack, and find this."""
    return finish(requested(incident, operator), *findings)


def _result(row: CheckResult, findings: tuple[Finding, ...]) -> Result:
    return Result(
        check=row.slug,
        version=row.version,
        findings=findings,
        evidence=(Evidence(key="e1", kind="command", source="seen", content="one\ntwo\nthree"),),
        started_at=timezone.now(),
        duration_ms=1,
        vantage="worker",
    )
