"""A world that was built through the front door: two people's reports, with runs that saw something."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.accounts.operations import issue_token
from awe_incidents.accounts.roles import Scope, scopes_of
from diagnostics.checks.result import Citation, Evidence, Finding, Measurement, Result, State, Threshold
from diagnostics.looking.look import Look
from diagnostics.models import CheckResult, Run, Stack
from diagnostics.operations import looks, start_run
from diagnostics.states import ResultProgress
from tests.api.trail import signing
from tests.conftest import SETUP, client_of

__all__ = ["signing"]  # a fixture

FILING = "/api/v1/bug-reports/"
FIELDS = {
    "stack": "plain",
    "environment": "Production",
    "docker_compose_version": "v2.30",
    "container_logs": "api | 502 Bad Gateway",
    "steps_to_reproduce": "open the page",
    "expected_behavior": "a page",
    "actual_behavior": "502 for everybody",
    "screenshots": "",
}
EVIDENCE_LINES = ("first line", "second line", "third line with ünïcode", "", "fifth line")


def token_of(
    user: User,
    *,
    scopes: Collection[Scope] | None = None,
    lifetime: timedelta = timedelta(days=1),
    at: datetime | None = None,
) -> str:
    """Issue a token with all that the roles allow, or with these scopes, and give its text."""
    now = at or timezone.now()
    token = issue_token(
        user=user,
        name="test",
        scopes=scopes_of(user.roles) if scopes is None else scopes,
        expires_at=now + lifetime,
        by=SETUP,
        at=now,
    )
    return token.text


def client_with(text: str) -> APIClient:
    """Give a client that sends a token, and shows answers to errors instead of raising them."""
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


@dataclass(frozen=True)
class Filed:
    """What one person filed, and what was seen for it."""

    report: int
    incident: int
    run: int
    evidence: int
    attachment: int
    mark: str  # stands in the report, in the result and in the evidence of this person alone


def problem_of(response: Any, status: int, kind: str) -> dict[str, Any]:
    """Give the body of a problem, after looking at its form."""
    body: dict[str, Any] = response.json()
    assert (response.status_code, body.get("type")) == (status, f"/api/problems/{kind}/"), body
    assert response.headers["Content-Type"] == "application/problem+json"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["instance"].startswith("/api/")
    return body


def pointers_of(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Give place and pointer of each error of a problem."""
    return [(error["in"], error["pointer"]) for error in body["errors"]]


def file_report(client: APIClient, **fields: Any) -> dict[str, Any]:
    """File a report and give the answer."""
    response = client.post(FILING, FIELDS | fields, format="json")
    assert response.status_code == 201, response.content
    body: dict[str, Any] = response.json()
    return body


def tag_of(client: APIClient, address: str) -> dict[str, str]:
    """Give the header that names what is there now, for a change of it."""
    return {"If-Match": client.get(address).headers["ETag"]}


def number_at_end(url: str) -> int:
    """Give the id in the address of something."""
    return int(url.rstrip("/").rpartition("/")[2])


def see_something(run: Run, *, mark: str) -> int:
    """Store one failing look with evidence in a run; gives the evidence's id."""
    start_run(run_id=run.pk, at=timezone.now())
    ready = run.results.filter(progress=ResultProgress.READY).order_by("slug").first()
    assert ready is not None
    row = looks.claim_check(result_id=ready.pk)
    looks.store_look(row=row, look=_look(row, mark), at=timezone.now())
    return row.evidence.get().pk


def _look(row: CheckResult, mark: str) -> Look:
    evidence = Evidence(
        key="e1", kind="log_excerpt", source=f"{mark}.log", content="\n".join((*EVIDENCE_LINES, mark)),
        captured_from=datetime(2026, 1, 2, tzinfo=UTC), redactions={"jwt": 2}, rule_set_version="1",
    )  # fmt: skip
    finding = Finding(
        state=State.FAIL,
        code="certificate.expired",
        message=f"expired 3 days ago ({mark})",
        target="localhost:8443",
        measured={"days_left": Measurement(-3, "d"), "subject": Measurement("CN=x")},
        threshold=Threshold("min_days", 7, "d", "default", "ours"),
        citations=(Citation("e1", 2, 3),),
        next_checks=("ssl.names",),
        blocks=False,
    )
    result = Result(
        check=row.slug,
        version=1,
        findings=(finding,),
        evidence=(evidence,),
        started_at=datetime.now(UTC),
        duration_ms=12,
        vantage="worker",
    )
    return Look(result, {})


def filed_by(user: User, *, mark: str, new_incident: bool = False) -> Filed:
    """File a report as somebody, and let its run see something."""
    client = client_of(user)
    body = file_report(client, actual_behavior=f"{mark} is broken", new_incident=new_incident)
    added = client.post(
        body["links"]["attachments"], {"attachment": [BytesIO(mark.encode())]}, format="multipart"
    ).json()
    run = Run.objects.get(pk=number_at_end(body["run"]))
    evidence = see_something(run, mark=mark)
    return Filed(
        report=body["id"],
        incident=body["incident"],
        run=run.pk,
        evidence=evidence,
        attachment=added["attachments"][0]["id"],
        mark=mark,
    )


@pytest.fixture
def mine(stack: Stack, reporter: User) -> Filed:
    """What the reporter filed."""
    return filed_by(reporter, mark="mine-4711")


@pytest.fixture
def theirs(stack: Stack, other_reporter: User) -> Filed:
    """What another reporter filed."""
    return filed_by(other_reporter, mark="theirs-0815")
