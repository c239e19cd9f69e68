"""The login probe: every refusal by its own code, one refusal in five minutes, and secrets that go nowhere."""

from __future__ import annotations

import dataclasses
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from diagnostics.checks.result import State
from diagnostics.checks.seeing import Earlier
from diagnostics.looking import LookRequest, take_look
from diagnostics.looking.look import Look
from diagnostics.looking.plan import Progress, next_steps
from diagnostics.stack import Endpoint
from tests.diagnostics import looks
from tests.diagnostics.applications import PASSWORD, Application, Reply, running_application, token
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.servers import hanging, serving

SLUG = "auth.login_probe"
TOKEN = token(exp=4_000_000_000)
GOOD = {"/session": Reply(200, {"access_token": TOKEN}), "/me": Reply(200, {"sub": "tester"})}


def look(application: Application, root: Path, *, earlier: Earlier | None = None, **login: Any) -> Look:
    config = application.stack(root)
    assert config.login is not None
    config = dataclasses.replace(config, login=dataclasses.replace(config.login, **login))
    return take_look(LookRequest(slug=SLUG, stack=config, redaction_key=looks.KEY, earlier=earlier))


def test_a_login_whose_token_is_accepted_passes_and_hands_the_token_over(tmp_path: Path) -> None:
    with running_application(GOOD) as application:
        answered = look(application, tmp_path)
    assert (answered.result.state, answered.result.leading.code) == (State.PASS, "login.accepted")
    shows(HEALTHY, answered.result)
    assert answered.handing["auth.token"] == TOKEN
    asked_at, answered_at = map(float, answered.handing["auth.token_times"].split())
    assert asked_at <= answered_at <= time.time()
    assert answered.handing["auth.cookies"] == "[]"
    assert [(method, path) for method, path, _, _ in application.asked] == [("POST", "/session"), ("GET", "/me")]
    assert json.loads(application.asked[0][3]) == {"username": "tester", "password": PASSWORD}
    assert application.asked[1][2]["Authorization"] == f"Bearer {TOKEN}"


def test_neither_password_nor_token_is_in_the_result(tmp_path: Path) -> None:
    echo = {"detail": [{"input": {"username": "tester", "password": PASSWORD}}], "token": TOKEN}
    for replies in (GOOD, GOOD | {"/me": Reply(401, echo)}, {"/session": Reply(422, echo)}):
        with running_application(replies) as application:
            result = look(application, tmp_path).result
        assert PASSWORD not in repr(result)
        assert TOKEN not in repr(result)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "login.input_refused"),
        (401, "login.credentials_refused"),
        (403, "login.forbidden"),
        (404, "login.not_found"),
        (405, "login.not_found"),
        (422, "login.input_refused"),
        (423, "login.locked"),
        (429, "login.rate_limited"),
        (500, "login.server_error"),
        (503, "login.server_error"),
        (302, "login.unexpected"),
    ],
)
def test_each_refusal_has_its_code_and_blocks(tmp_path: Path, status: int, code: str) -> None:
    with running_application({"/session": Reply(status, {"detail": "no"})}) as application:
        answered = look(application, tmp_path)
    assert (answered.result.state, answered.result.leading.code) == (State.FAIL, code)
    assert answered.result.leading.measured["status"].value == status
    if status in (401, 423):
        shows(fault({401: "wrong password", 423: "account locked"}[status]), answered.result)
    assert answered.result.is_blocking
    assert not answered.handing


@pytest.mark.parametrize("body", [b"", b"welcome", {"token": TOKEN}, {"access_token": 5}, [TOKEN]])
def test_a_good_status_without_a_token_fails(tmp_path: Path, body: object) -> None:
    with running_application({"/session": Reply(200, body)}) as application:
        assert look(application, tmp_path).result.leading.code == "login.no_token"


def test_the_token_may_stand_inside_an_object(tmp_path: Path) -> None:
    nested = GOOD | {"/session": Reply(201, {"data": {"jwt": TOKEN}})}
    with running_application(nested) as application:
        assert look(application, tmp_path, token_field="data.jwt").handing["auth.token"] == TOKEN


@pytest.mark.parametrize(
    ("status", "code"), [(401, "login.token_rejected"), (403, "login.token_rejected"), (500, "login.protected_failed")]
)
def test_a_token_that_is_refused_after_a_good_login_is_another_fault(tmp_path: Path, status: int, code: str) -> None:
    with running_application(GOOD | {"/me": Reply(status, {"detail": "no"})}) as application:
        answered = look(application, tmp_path)
    assert (answered.result.state, answered.result.leading.code) == (State.FAIL, code)
    if status == 401:
        shows(fault("the application refuses its own fresh token"), answered.result)
    assert "auth.token" in answered.handing, "the token is there, so that its own checks may say why"
    assert not answered.result.is_blocking


def test_cookies_are_handed_over_without_their_values(tmp_path: Path) -> None:
    headers = {"Set-Cookie": "till=a-secret-of-the-session; Secure; HttpOnly; SameSite=Lax; Max-Age=60"}
    with running_application(GOOD | {"/session": Reply(200, {"access_token": TOKEN}, headers)}) as application:
        answered = look(application, tmp_path)
    assert json.loads(answered.handing["auth.cookies"]) == [
        {"name": "till", "secure": True, "http_only": True, "same_site": "lax", "lifetime_seconds": 60.0}
    ]
    assert "a-secret-of-the-session" not in repr(answered)


def test_a_token_that_no_header_may_carry_does_not_break_the_look(tmp_path: Path) -> None:
    with running_application(GOOD | {"/session": Reply(200, {"access_token": "a\r\nb"})}) as application:
        assert look(application, tmp_path).result.leading.code == "login.protected_failed"


def earlier(code: str, *, seconds: float) -> Earlier:
    return Earlier(state="fail", code=code, at=datetime.now(UTC) - timedelta(seconds=seconds))


@pytest.mark.parametrize("code", ["login.credentials_refused", "login.forbidden", "login.locked", "login.rate_limited"])
def test_after_a_refusal_nobody_logs_in_for_five_minutes(tmp_path: Path, code: str) -> None:
    with running_application(GOOD) as application:
        result = look(application, tmp_path, earlier=earlier(code, seconds=200)).result
        assert (result.state, result.leading.code) == (State.SKIP, "login.recently_refused")
        assert not application.asked
        assert look(application, tmp_path, earlier=earlier(code, seconds=301)).result.state is State.PASS


@pytest.mark.parametrize("code", ["login.accepted", "login.server_error", "login.no_answer", "deadline"])
def test_what_was_no_refusal_holds_nothing_back(tmp_path: Path, code: str) -> None:
    with running_application(GOOD) as application:
        assert look(application, tmp_path, earlier=earlier(code, seconds=1)).result.state is State.PASS


def test_a_server_that_hangs_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diagnostics.checks.auth.login_probe.LOGIN_SECONDS", 0.5)
    with running_application(GOOD) as application, serving(hanging) as port:
        config = application.stack(tmp_path)
        door = Endpoint(name="till", service="shop", url=f"http://127.0.0.1:{port}")
        result = looks.look(SLUG, dataclasses.replace(config, endpoints={"till": door}))
    assert (result.state, result.leading.code) == (State.FAIL, "login.no_answer")
    shows(HANGING, result)


def test_a_password_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with running_application(GOOD) as application:
        config = application.stack(tmp_path)
        (tmp_path / "password").unlink()
        result = looks.look(SLUG, config)
    assert (result.state, result.leading.code) == (State.ERROR, "secret_unavailable")
    assert not application.asked


def test_it_is_skipped_where_the_endpoint_does_not_answer() -> None:
    steps = next_steps({"auth.health_endpoint": Progress.BLOCKING, SLUG: Progress.WAITING})
    assert [(step.slug, step.blocked_by) for step in steps] == [(SLUG, "auth.health_endpoint")]


def test_a_stack_without_login_has_nothing_to_look_at(tmp_path: Path) -> None:
    assert looks.look(SLUG, looks.stack(tmp_path)).leading.code == "not_applicable"
