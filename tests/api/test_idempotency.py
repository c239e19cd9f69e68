"""Idempotency-Key: a request may be repeated, and happens once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.operations import set_roles
from awe_incidents.accounts.roles import Role
from awe_incidents.api import idempotency, tasks
from awe_incidents.api.models import IdempotencyKey
from awe_incidents.api.v1 import bug_reports
from awe_incidents.incidents.models import BugReport, Incident
from awe_incidents.incidents.operations import file_bug_report
from diagnostics.models import Run, Stack
from tests.api.conftest import FIELDS, FILING, client_with, pointers_of, problem_of, token_of
from tests.conftest import SETUP

KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


def post(token: str, body: dict[str, Any] | None = None, *, to: str = FILING) -> Any:
    return client_with(token).post(to, FIELDS if body is None else body, format="json", headers=KEY | {"If-Match": "*"})


def test_a_repetition_gets_the_first_answer(reporter: User, stack: Stack) -> None:
    token = token_of(reporter)
    first, second = post(token), post(token)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert first.headers["Location"] == second.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert BugReport.objects.count() == Run.objects.count() == 1


@pytest.mark.parametrize("path", ["/api/v1/incidents/", "runs/", "transitions/"])
def test_every_operation_that_creates_takes_a_key(operator: User, stack: Stack, path: str) -> None:
    token = token_of(operator)
    incident = client_with(token).post("/api/v1/incidents/", {"stack": "plain", "title": "x"}, format="json").json()
    body: dict[str, Any] = {"/api/v1/incidents/": {"stack": "plain", "title": "y"}, "runs/": {"suite": "ssl"}}.get(
        path, {"action": "acknowledge"}
    )
    to = path if path.startswith("/") else f"{incident['links']['self']}{path}"
    assert post(token, body, to=to).json() == post(token, body, to=to).json()
    assert Incident.objects.count() == (2 if path.startswith("/") else 1)
    assert Run.objects.count() == (1 if path == "runs/" else 0)


def test_another_body_under_the_same_key_is_refused(reporter: User, stack: Stack) -> None:
    token = token_of(reporter)
    post(token)
    body = problem_of(post(token, FIELDS | {"actual_behavior": "other"}), 422, "idempotency-key-reused")
    assert pointers_of(body) == [("header", "#/Idempotency-Key")]
    assert BugReport.objects.count() == 1


def test_another_address_or_media_type_under_the_same_key_is_refused(operator: User, stack: Stack) -> None:
    token = token_of(operator)
    post(token)
    problem_of(post(token, to=f"{FILING}?stack=plain"), 422, "idempotency-key-reused")
    problem_of(post(token, to="/api/v1/incidents/"), 422, "idempotency-key-reused")
    client = client_with(token)
    body = json.dumps(FIELDS)
    problem_of(
        client.generic("POST", FILING, body, content_type="text/markdown", headers=KEY), 422, "idempotency-key-reused"
    )


def test_two_people_may_use_the_same_key(reporter: User, other_reporter: User, stack: Stack) -> None:
    mine, theirs = post(token_of(reporter)), post(token_of(other_reporter))
    assert mine.json()["reporter"] == "reporter"
    assert theirs.json()["reporter"] == "other-reporter"
    assert "Idempotency-Replayed" not in theirs.headers
    assert post(token_of(reporter)).content == mine.content
    assert post(token_of(other_reporter)).content == theirs.content


def test_two_tokens_of_a_person_share_their_keys(reporter: User, stack: Stack) -> None:
    assert post(token_of(reporter)).content == post(token_of(reporter)).content


@pytest.mark.parametrize(
    "wrong", [{"stack": "nowhere"}, {"environment": "Moon"}, {"actual_behavior": " "}, {"container_logs": 5}]
)
def test_a_request_that_fails_does_not_burn_its_key(reporter: User, stack: Stack, wrong: dict[str, Any]) -> None:
    token = token_of(reporter)
    problem_of(post(token, FIELDS | wrong), 400, "invalid")
    assert not IdempotencyKey.objects.exists()
    assert post(token).status_code == 201


def test_an_error_of_ours_does_not_burn_the_key(reporter: User, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError

    token = token_of(reporter)
    with monkeypatch.context() as broken:
        broken.setattr(bug_reports, "file_bug_report", fail)
        problem_of(post(token), 500, "internal")
    assert post(token).status_code == 201


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "clé", "a\tb", "\x7f", "a\0b"])
def test_a_malformed_key_is_refused(reporter: User, stack: Stack, key: str) -> None:
    response = client_with(token_of(reporter)).post(FILING, FIELDS, format="json", headers={"Idempotency-Key": key})
    if key == " ":  # a blank is printable; servers strip it away before us
        assert response.status_code == 201
        return
    assert pointers_of(problem_of(response, 400, "idempotency-key-malformed")) == [("header", "#/Idempotency-Key")]
    assert not BugReport.objects.exists()


def test_a_repetition_is_refused_once_the_role_is_lost(operator: User, stack: Stack) -> None:
    token = token_of(operator)
    incident = {"stack": "plain", "title": "x"}
    assert post(token, incident, to="/api/v1/incidents/").status_code == 201
    set_roles(user=operator, roles=[Role.AUDITOR], by=SETUP, at=timezone.now(), because="changed teams")
    problem_of(post(token, incident, to="/api/v1/incidents/"), 403, "not-allowed")


def test_keys_are_forgotten_after_a_day(reporter: User, stack: Stack) -> None:
    token = token_of(reporter)
    first = post(token).json()
    tasks.forget_idempotency_keys()
    assert post(token).json() == first
    IdempotencyKey.objects.update(created_at=timezone.now() - tasks.KEPT - timedelta(seconds=1))
    tasks.forget_idempotency_keys()
    assert post(token).json()["id"] != first["id"]
    assert idempotency.forget_before(at=timezone.now() + timedelta(seconds=1)) == 1


def in_thread(work: Callable[[], Any]) -> Any:
    """Do something with a connection of its own, and close that."""
    try:
        return work()
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_repetition_while_the_first_is_in_progress_is_told_so(
    reporter: User, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(reporter)
    inside, go_on = threading.Event(), threading.Event()

    def file_slowly(**fields: Any) -> Any:
        inside.set()
        assert go_on.wait(20)
        return file_bug_report(**fields)

    monkeypatch.setattr(bug_reports, "file_bug_report", file_slowly)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(in_thread, lambda: post(token))
        assert inside.wait(20)
        problem_of(post(token), 409, "idempotency-key-in-progress")
        problem_of(post(token, FIELDS | {"screenshots": "x"}), 409, "idempotency-key-in-progress")
        go_on.set()
        answer = first.result(timeout=20)
    assert answer.status_code == 201
    assert post(token).content == answer.content


@pytest.mark.django_db(transaction=True)
def test_twelve_at_once_with_one_key_file_one_report(reporter: User, stack: Stack) -> None:
    token = token_of(reporter)
    start = threading.Barrier(12)

    def race() -> Any:
        start.wait(20)
        return post(token)

    with ThreadPoolExecutor(12) as pool:
        answers = [one.result(timeout=40) for one in [pool.submit(in_thread, race) for _ in range(12)]]
    assert BugReport.objects.count() == Run.objects.count() == Incident.objects.count() == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    fresh = [one for one in answers if one.status_code == 201 and "Idempotency-Replayed" not in one.headers]
    assert len(fresh) == 1
    assert {one.content for one in answers if one.status_code == 201} == {fresh[0].content}
