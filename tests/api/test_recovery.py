"""Recovery over HTTP: who may take which step, and what each refusal says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.api.v1 import recovery_requests
from awe_incidents.audit import signed
from awe_incidents.audit.models import Entry
from awe_incidents.recovery import operations
from awe_incidents.recovery.models import Execution, ManualAction, RecoveryRequest
from awe_incidents.recovery.operations.claiming import claim_execution
from tests.api.conftest import client_with, pointers_of, problem_of, token_of
from tests.conftest import _person, client_of
from tests.recovery.conftest import World, actor, rings, world  # noqa: F401  fixtures

REQUESTS, PLANS, MANUAL = "/api/v1/recovery-requests/", "/api/v1/recovery-plans/", "/api/v1/manual-actions/"
FREEZES, WINDOWS = "/api/v1/freezes/", "/api/v1/maintenance-windows/"
ASKED = {"stack": "plain", "action": "test.write", "parameters": {"file": "target"}, "because": "it is broken"}


@pytest.fixture(autouse=True)
def _world(world: World) -> World:  # noqa: F811
    return world


def post(user: User, address: str, body: dict[str, Any], **headers: str) -> Any:
    return client_of(user).post(address, body, format="json", headers=headers)


def step(user: User, request: RecoveryRequest, noun: str, **body: Any) -> Any:
    return post(user, f"{REQUESTS}{request.pk}/{noun}/", body)


def test_the_catalogue_has_every_action_with_its_schema(operator: User) -> None:
    results = {one["slug"]: one for one in client_of(operator).get("/api/v1/recovery-actions/").json()["results"]}
    assert {"database.terminate_sessions", "service.restart"} <= set(results)
    restart = results["service.restart"]
    assert restart["parameters"]["required"] == ["service"]
    assert restart["parameters"]["properties"]["grace_seconds"]["default"] == 10
    assert (restart["tier"], restart["approvals_needed"]) == (1, 0)
    assert restart["description"].startswith("Restart the container of one service.")


def test_a_plan_says_what_would_be_done_and_stores_nothing(operator: User) -> None:
    answer = post(operator, PLANS, {name: ASKED[name] for name in ("stack", "action", "parameters")})
    assert answer.status_code == 200, answer.content
    assert answer.json()["plan"]["steps"] == [{"key": "line-1", "title": "Write line 1"}]
    assert answer.json()["approvals_needed"] == 1
    assert not RecoveryRequest.objects.exists()


def test_a_request_is_approved_on_its_digest_and_followed(operator: User, approver: User) -> None:
    asked = post(operator, REQUESTS, ASKED)
    assert asked.status_code == 201, asked.content
    body = asked.json()
    assert (body["state"], body["execution"], body["requester"]) == ("pending_approval", None, "operator")
    assert asked.headers["Location"] == body["links"]["self"]
    assert client_of(approver).get(REQUESTS + "?state=pending_approval").json()["results"][0]["id"] == body["id"]
    approval = {"digest": body["digest"], "because": "I looked"}
    approved = post(approver, body["links"]["self"] + "approval/", approval)
    assert approved.status_code == 201, approved.content
    assert approved.json()["state"] == "approved"
    assert approved.json()["execution"]["state"] == "queued"
    assert approved.json()["decisions"][0] | {"decided_at": ""} == {
        "person": "approver",
        "verdict": "approved",
        "digest": body["digest"],
        "because": "I looked",
        "decided_at": "",
    }
    assert client_of(approver).get(body["links"]["output"]).json()["results"] == []


def test_broken_glass_that_waits_for_its_review_is_a_list(approver: User, world: World) -> None:  # noqa: F811
    responder = _person("responder", Role.RESPONDER)
    request = world.ask(incident=world.incident())
    world.ask()

    def listed(state: str) -> list[int]:
        return [one["id"] for one in client_of(approver).get(f"{REQUESTS}?review={state}").json()["results"]]

    assert step(responder, request, "break-glass", because="it burns").status_code == 201
    assert (listed("due"), listed("reviewed")) == ([request.pk], [])
    assert step(approver, request, "review", verdict="in_order", findings="x").status_code == 201
    assert (listed("due"), listed("reviewed")) == ([], [request.pk])
    problem_of(client_of(approver).get(f"{REQUESTS}?review=soon"), 400, "invalid")


def test_a_list_asks_as_often_and_reads_no_plans(operator: User, world: World) -> None:  # noqa: F811
    client = client_of(operator)

    def sent() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(REQUESTS).status_code == 200
        return [one["sql"] for one in queries]

    world.ask()
    sent()
    one = len(sent())
    for _ in range(5):
        world.ask()
    several = sent()
    assert len(several) == one
    (read,) = [sql for sql in several if 'FROM "recovery_recoveryrequest"' in sql]
    for column in ('"plan"', '"facts"', '"document"', '"parameters"'):
        assert column not in read


@pytest.mark.recovery_fault("key repeated", counted="requests that there are")
def test_the_same_key_gives_the_same_request_and_another_body_is_refused(operator: User) -> None:
    key = {"Idempotency-Key": "the-same"}
    first, again = (post(operator, REQUESTS, ASKED, **key) for _ in range(2))
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    problem_of(post(operator, REQUESTS, {**ASKED, "because": "other"}, **key), 422, "idempotency-key-reused")
    assert RecoveryRequest.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.recovery_fault("key in progress", counted="requests that there are")
def test_a_request_that_is_still_in_progress_is_told_so(operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    key, inside, go_on = {"Idempotency-Key": "the-same"}, threading.Event(), threading.Event()

    def ask_slowly(**asked: Any) -> Any:
        inside.set()
        assert go_on.wait(20)
        return operations.request_action(**asked)

    def ask() -> Any:
        try:
            return post(operator, REQUESTS, ASKED, **key)
        finally:
            connection.close()

    monkeypatch.setattr(recovery_requests, "request_action", ask_slowly)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask)
        assert inside.wait(20)
        problem_of(post(operator, REQUESTS, ASKED, **key), 409, "idempotency-key-in-progress")
        go_on.set()
        assert first.result(timeout=20).status_code == 201
    assert RecoveryRequest.objects.count() == 1


@pytest.mark.recovery_fault("signer down", counted="executions")
def test_an_approval_that_nobody_would_sign_is_refused(
    operator: User,
    approver: User,
    world: World,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request = world.ask()
    monkeypatch.setattr(signed, "SILENT_SECONDS", 0)
    approval = step(approver, request, "approval", digest=request.terms.digest, because="I looked")
    told = problem_of(approval, 503, "trail-unavailable")
    assert "not signed now" in told["detail"]
    assert int(approval.headers["Retry-After"]) > 0
    at_once = post(operator, REQUESTS, {**ASKED, "action": "test.write_at_once"})
    problem_of(at_once, 503, "trail-unavailable")
    assert not Execution.objects.exists()


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({}, "#/parameters"),
        ({"file": "UPPER"}, "#/parameters/file"),
        ({"file": "a", "mood": "bad"}, "#/parameters/mood"),
        ({"file": "a", "other": 1}, "#/parameters"),
        ({"file": "a", "user": "nul\0"}, "#/parameters/user"),
        ({"file": "a", "lines": 2**70}, "#/parameters/lines"),
    ],
)
def test_bad_parameters_are_named(operator: User, parameters: dict[str, Any], pointer: str) -> None:
    for address, body in ((REQUESTS, ASKED), (PLANS, {name: ASKED[name] for name in ("stack", "action")})):
        problem = problem_of(post(operator, address, {**body, "parameters": parameters}), 400, "invalid")
        assert pointers_of(problem) == [("body", pointer)]


def test_other_bad_input_is_named(operator: User, approver: User, world: World) -> None:  # noqa: F811
    problem = problem_of(post(operator, REQUESTS, {**ASKED, "action": "no.such"}), 400, "unknown-action")
    assert pointers_of(problem) == [("body", "#/action")]
    for field, value in (("stack", "nowhere"), ("incident", 10**9), ("retry_of", 10**9), ("because", " ")):
        problem = problem_of(post(operator, REQUESTS, {**ASKED, field: value}), 400, "invalid")
        assert pointers_of(problem) == [("body", f"#/{field}")]
    problem_of(step(approver, world.ask(), "approval", digest="0" * 64, because="x"), 409, "digest-differs")
    terms = world.ask("test.write_for_good").terms
    problem_of(step(approver, terms.request, "approval", digest=terms.digest, because="x"), 400, "stack-not-named")
    responder, request = (
        _person("responder", Role.RESPONDER),
        world.ask("test.write_for_good", incident=world.incident()),
    )
    problem_of(step(responder, request, "break-glass", because="x"), 400, "stack-not-named")
    assert step(responder, request, "break-glass", because="x", stack="plain").status_code == 201
    database = {**ASKED, "action": "database.terminate_sessions", "parameters": {"database": "x"}}
    problem_of(post(operator, REQUESTS, database), 409, "action-not-applicable")
    missing = client_of(approver).post(
        f"{REQUESTS}999999999/denial/", {"digest": "0" * 64, "because": "x"}, format="json"
    )
    problem_of(missing, 404, "not-found")


def pending(world: World, user: User) -> RecoveryRequest:  # noqa: F811
    return world.ask(user=user, incident=world.incident())


def queued(world: World, user: User) -> RecoveryRequest:  # noqa: F811
    return world.approve(world.ask(user=user), user=_person("somebody-else", Role.APPROVER))


def broken(world: World, user: User) -> RecoveryRequest:  # noqa: F811
    breaker = _person("breaker", Role.RESPONDER)
    return operations.break_glass(
        request=pending(world, user), user=breaker, by=actor(breaker), at=timezone.now(), because="now"
    )


def lost(world: World, user: User) -> RecoveryRequest:  # noqa: F811
    request = queued(world, user)
    claim_execution(execution_id=request.execution.pk)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE recovery_execution SET lease_until = now() - interval '1 s'")
    operations.sweep_recovery(at=timezone.now())
    return request


# By step: how the request stands before, what is sent, who may take it on another's request and on an own one (who
# asks is an operator, too), and what an own one is told otherwise.
STEPS: dict[str, tuple[Callable[..., RecoveryRequest], dict[str, Any], set[str], set[str], str]] = {
    "approval": (pending, {"because": "x"}, {"approver"}, set(), "own-request"),
    "denial": (pending, {"because": "x"}, {"approver"}, set(), "own-request"),
    "withdrawal": (pending, {}, set(), set(Role), ""),
    "cancellation": (queued, {"because": "x"}, {"operator"}, set(Role), ""),
    "break-glass": (pending, {"because": "x"}, {"responder"}, {"responder"}, "not-allowed"),
    "review": (broken, {"verdict": "in_order", "findings": "x"}, {"approver"}, set(), "own-break-glass"),
    "resolution": (lost, {"state": "failed", "because": "x"}, {"operator"}, set(Role), ""),
}


@pytest.mark.parametrize("noun", STEPS)
@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("is_own", [False, True])
def test_who_may_take_which_step(world: World, role: Role, noun: str, is_own: bool) -> None:  # noqa: F811
    before, body, of_others, of_own, told = STEPS[noun]
    person = _person("person", *({role, Role.OPERATOR} if is_own else {role}))
    request = before(world, person if is_own else world.operator)
    state = RecoveryRequest.objects.get(pk=request.pk).state
    sent = {**body, "digest": request.terms.digest} if noun in {"approval", "denial"} else body
    answer = step(person, request, noun, **sent)
    if role in (of_own if is_own else of_others):
        assert answer.status_code == 201, answer.content
        return
    assert answer.status_code == 403, answer.content
    if is_own and role == Role.APPROVER:
        problem_of(answer, 403, told)
    assert RecoveryRequest.objects.get(pk=request.pk).state == state


@pytest.mark.parametrize("role", list(Role))
def test_who_may_ask_plan_and_record(world: World, role: Role) -> None:  # noqa: F811
    person = _person("person", role)
    recorded = {"stack": "plain", "done_at": "2026-01-01T00:00:00Z", "because": "it was stuck"}
    planned = {name: ASKED[name] for name in ("stack", "action", "parameters")}
    for address, body in ((REQUESTS, ASKED), (PLANS, planned), (MANUAL, recorded)):
        assert (post(person, address, body).status_code < 300) == (role == Role.OPERATOR)


@pytest.mark.parametrize("role", list(Role))
def test_who_may_read(world: World, role: Role) -> None:  # noqa: F811
    request, person = world.ask(), _person("person", role)
    client = client_with(token_of(person))
    addresses = ["/api/v1/recovery-actions/", REQUESTS, f"{REQUESTS}{request.pk}/", f"{REQUESTS}{request.pk}/output/"]
    for address in (*addresses, MANUAL):
        assert client.get(address).status_code == (403 if role == Role.REPORTER else 200), address


def test_a_token_without_the_scope_approves_nothing(world: World, approver: User) -> None:  # noqa: F811
    client = client_with(token_of(approver, scopes=["recovery:read"]))  # type: ignore[list-item]
    request = world.ask()
    body = {"digest": request.terms.digest, "because": "x"}
    problem_of(client.post(f"{REQUESTS}{request.pk}/approval/", body, format="json"), 403, "not-allowed")


def test_what_was_done_by_hand_is_recorded_redacted_and_told_apart(world: World, operator: User) -> None:  # noqa: F811
    incident = world.incident()
    said = {
        "stack": "plain",
        "incident": incident.pk,
        "done_at": "2026-01-01T00:00:00Z",
        "because": "the worker was stuck",
        "commands": "docker restart worker; export PASSWORD=hunter2secret",
        "output": "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLXRoaXM",
    }
    answer = post(operator, MANUAL, said)
    assert answer.status_code == 201, answer.content
    row = ManualAction.objects.get()
    assert "hunter2secret" not in row.commands
    assert "c2lnbmF0dXJl" not in row.output
    assert answer.json()["done_by"] == "operator"
    assert client_of(operator).get(answer.json()["url"]).json() == answer.json()
    history = client_of(operator).get(f"/api/v1/incidents/{incident.pk}/timeline/").json()["results"]
    assert history[-1]["kind"] == "manual_action"
    assert not Execution.objects.exists()
    later = {**said, "done_at": "2999-01-01T00:00:00Z"}
    assert pointers_of(problem_of(post(operator, MANUAL, later), 400, "invalid")) == [("body", "#/done_at")]


@pytest.mark.django_db(transaction=True)
def test_without_a_trail_nothing_is_asked(operator: User) -> None:
    from tests.audit import rows

    client = client_with(token_of(operator))
    with rows.connected(rows.SUPERUSER) as superuser:
        superuser.execute("ALTER TABLE audit_entry RENAME TO audit_entry_away")
        try:
            answer = client.post(REQUESTS, ASKED, format="json")
        finally:
            superuser.execute("ALTER TABLE audit_entry_away RENAME TO audit_entry")
    problem_of(answer, 503, "trail-unavailable")
    assert not RecoveryRequest.objects.exists()


FROZEN = {"stack": "plain", "ends_at": "2999-01-01T00:00:00Z", "because": "the auction is on"}
WINDOW = {"stack": "plain", "weekday": 7, "opens_at": "02:30", "minutes": 90, "because": "few are here then"}


def tomorrow() -> str:
    return f"{timezone.now() + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"


def test_a_freeze_is_set_shown_in_plans_and_lifted(world: World, operator: User) -> None:  # noqa: F811
    problem_of(post(operator, FREEZES, FROZEN), 400, "times-not-allowed")
    answer = post(operator, FREEZES, {**FROZEN, "ends_at": tomorrow(), "from_tier": 2})
    assert answer.status_code == 201, answer.content
    address = answer.json()["url"]
    planned = {name: ASKED[name] for name in ("stack", "action", "parameters")}
    told = post(operator, PLANS, planned).json()["waits_for"]
    assert told.startswith("the stack is frozen until")
    asked = post(operator, REQUESTS, ASKED)
    assert (asked.status_code, asked.json()["waits_for"]) == (201, told)
    lifted = post(operator, address + "lifting/", {"because": "it is over"})
    assert (lifted.status_code, lifted.json()["lifted_by"]) == (201, "operator")
    problem_of(post(operator, address + "lifting/", {"because": "again"}), 409, "already-lifted")
    assert client_of(operator).get(address).json() == lifted.json()
    assert client_of(operator).get(f"{FREEZES}?stack=plain").json()["results"] == [lifted.json()]
    assert post(operator, PLANS, planned).json()["waits_for"] == ""


def test_windows_are_declared_by_approvers_and_closed(world: World, operator: User, approver: User) -> None:  # noqa: F811
    problem_of(post(operator, WINDOWS, WINDOW), 403, "not-allowed")
    for field, value in (("opens_at", "24:00"), ("opens_at", 2), ("weekday", 0), ("minutes", 10_081)):
        problem = problem_of(post(approver, WINDOWS, {**WINDOW, field: value}), 400, "invalid")
        assert pointers_of(problem) == [("body", f"#/{field}")]
    answer = post(approver, WINDOWS, WINDOW)
    assert answer.status_code == 201, answer.content
    assert (answer.json()["opens_at"], answer.json()["closed_by"]) == ("02:30", "")
    closed = post(approver, answer.json()["url"] + "closing/", {"because": "all day now"})
    assert (closed.status_code, closed.json()["closed_by"]) == (201, "approver")
    problem_of(post(approver, answer.json()["url"] + "closing/", {"because": "again"}), 409, "already-lifted")
    assert client_of(operator).get(WINDOWS).json()["results"] == [closed.json()]


@pytest.mark.parametrize("role", list(Role))
def test_who_may_freeze(world: World, role: Role) -> None:  # noqa: F811
    answer = post(_person("person", role), FREEZES, {**FROZEN, "ends_at": tomorrow()})
    assert answer.status_code == (201 if role == Role.OPERATOR else 403)


def test_too_often_is_429_with_the_time_to_wait_and_stands_in_the_trail(world: World, operator: User) -> None:  # noqa: F811
    asked = {**ASKED, "action": "test.write_seldom_at_once"}
    began = time.monotonic()
    for _ in range(2):
        assert post(operator, REQUESTS, asked).status_code == 201
    answer = post(operator, REQUESTS, asked)
    problem_of(answer, 429, "action-too-often")
    passed = time.monotonic() - began
    assert 3599 - passed <= int(answer.headers["Retry-After"]) <= 3600
    assert Entry.objects.filter(verb="stack:recovery_refused", subject_id=str(world.stack.pk)).count() == 1
    plan = post(operator, PLANS, {name: asked[name] for name in ("stack", "action", "parameters")}).json()
    assert (plan["rate"], plan["started_lately"]) == ({"times": 2, "seconds": 3600}, 2)
