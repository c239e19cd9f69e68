"""Clocks beside ours: a real server with a wrong Date, a real database, tokens that were issued by a wrong clock."""

from __future__ import annotations

import os
import time
from collections import UserDict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from diagnostics.checks.result import Finding, Result, State
from diagnostics.diagnosis.diagnosis import diagnose
from diagnostics.diagnosis.observed import Observed
from diagnostics.looking import LookRequest, take_look
from diagnostics.looking.plan import Progress, Step, next_steps
from diagnostics.probes.clocks import Reading, reading
from diagnostics.stack import Database, Endpoint, SecretReference
from tests.diagnostics import looks
from tests.diagnostics.applications import Application, Reply, running_application, token
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.servers import hanging, serving

SLUG = "auth.clock_skew"


@pytest.fixture
def application() -> Iterator[Application]:
    with running_application({}) as running:
        yield running


def http_date(*, ahead: float) -> str:
    return format_datetime(datetime.fromtimestamp(time.time() + ahead, UTC), usegmt=True)


class DateHeader(UserDict[str, str]):
    """A Date header that is written when the answer is, as servers do, by a clock that is ahead."""

    def __init__(self, *, ahead: float) -> None:
        super().__init__({"Date": ""})
        self.ahead = ahead

    def __getitem__(self, name: str) -> str:
        return http_date(ahead=self.ahead)


def look(application: Application, root: Path, *, ahead: float = 0.0, headers: Any = None, **more: Any) -> Result:
    application.replies["/up"] = Reply(200, b"ok", DateHeader(ahead=ahead) if headers is None else headers)
    handed = more.pop("handed", None)
    return looks.look(SLUG, application.stack(root, **more), handed=handed)


def fresh(*, ahead: float = 0.0, **claims: Any) -> dict[str, str]:
    """Hand over a token as the login probe does."""
    now = time.time()
    claims = {"iat": int(now + ahead), **claims}
    return {"auth.token": token(**claims), "auth.token_times": f"{now - 0.01:.3f} {now:.3f}"}


def only(result: Result) -> Finding:
    (finding,) = result.findings
    return finding


def test_clocks_that_agree_pass_with_difference_and_error(application: Application, tmp_path: Path) -> None:
    result = look(application, tmp_path, handed=fresh())
    assert [one.code for one in result.findings] == ["clock.agrees"] * 2
    assert abs(float(str(result.leading.measured["ahead"].value))) < 1.5
    assert result.leading.measured["round_trip_error"].unit == "s"
    assert result.evidence[0].content.count("\n") == 2
    shows(HEALTHY, result)


@pytest.mark.parametrize(
    ("ahead", "state"),
    [(3.0, State.WARN), (-3.0, State.WARN), (60.0, State.FAIL), (-60.0, State.FAIL), (0.5, State.PASS)],
)
def test_the_application_s_date_ahead_or_behind(
    application: Application, tmp_path: Path, ahead: float, state: State
) -> None:
    result = look(application, tmp_path, ahead=ahead)
    finding = only(result)
    assert finding.state is state
    if state is not State.PASS:
        assert finding.code == "clock.skewed"
        assert "ours_is_wrong" not in finding.measured, "of two clocks that differ either may be the wrong one"
        assert ("ahead of ours" if ahead > 0 else "behind ours") in finding.message
        assert finding.threshold is not None
        assert finding.threshold.reference == "check_postgres, timesync"
        assert not result.is_blocking
    if ahead == 60.0:
        shows(fault("application's clock a minute ahead"), result)


@pytest.mark.parametrize(("ahead", "state"), [(7200.0, State.FAIL), (-7200.0, State.FAIL), (3.2, State.WARN)])
def test_a_token_issued_by_a_wrong_clock(application: Application, tmp_path: Path, ahead: float, state: State) -> None:
    result = look(application, tmp_path, handed=fresh(ahead=ahead))
    assert [one.state for one in result.findings] == [State.PASS, state]
    assert "iat of the fresh token" in result.findings[1].message
    if ahead == 7200.0:
        shows(fault("token issued two hours ahead"), result)


@pytest.mark.parametrize("claims", [{"iat": "yesterday"}, {"iat": 1e300}])
def test_an_iat_that_is_no_time_is_not_read(application: Application, tmp_path: Path, claims: dict[str, Any]) -> None:
    result = look(application, tmp_path, handed=fresh(**claims))
    assert [one.code for one in result.findings] == ["clock.agrees", "clock.not_read"]


def test_what_is_no_token_is_not_read(application: Application, tmp_path: Path) -> None:
    handed = {**fresh(), "auth.token": "opaque"}
    assert looks.found(look(application, tmp_path, handed=handed), "clock.not_read").state is State.SKIP


def test_a_token_without_its_times_is_left_out(application: Application, tmp_path: Path) -> None:
    handed = {"auth.token": token(iat=1)}
    assert only(look(application, tmp_path, handed=handed)).code == "clock.agrees"


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}, {"Date": "Thu, 01 Jan 99999 00:00:00 GMT"}])
def test_an_answer_without_a_readable_date_is_not_read(
    application: Application, tmp_path: Path, headers: dict[str, str]
) -> None:
    assert only(look(application, tmp_path, headers=headers)).code == "clock.not_read"


def test_what_a_cache_gave_is_as_old_as_it_says(application: Application, tmp_path: Path) -> None:
    headers = {"Date": http_date(ahead=-300), "Age": "300"}
    assert only(look(application, tmp_path, headers=headers)).code == "clock.agrees"


def test_a_server_that_hangs_costs_its_own_time_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diagnostics.checks.auth.clock_skew.ANSWER_SECONDS", 0.5)
    with serving(hanging) as port:
        door = Endpoint(name="till", service="shop", url=f"http://127.0.0.1:{port}")
        began = time.monotonic()
        result = looks.look(SLUG, looks.stack(tmp_path, endpoints={"till": door}))
    assert time.monotonic() - began < 3
    assert only(result).code == "clock.not_read"
    shows(HANGING, result)


def test_an_endpoint_that_was_silent_a_moment_ago_is_not_waited_for_again(tmp_path: Path) -> None:
    with serving(hanging) as port:
        door = Endpoint(name="till", service="shop", url=f"http://127.0.0.1:{port}")
        stack = looks.stack(tmp_path, endpoints={"till": door})
        impatient = replace(stack, thresholds={"auth.health_endpoint": {"total_seconds": 0.5}})
        health = take_look(LookRequest(slug="auth.health_endpoint", stack=impatient, redaction_key=looks.KEY))
        began = time.monotonic()
        result = looks.look(SLUG, stack, handed=health.handing)
    assert time.monotonic() - began < 1
    assert only(result).code == "clock.not_read"
    assert "was silent when it was asked for its health" in only(result).message


def test_a_slow_answer_is_no_skew(application: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that a round trip may explain is taken off: 3 s behind, of a trip that took 4 s."""
    monkeypatch.setattr("diagnostics.checks.auth.clock_skew.date_reading", _slow)
    finding = only(look(application, tmp_path))
    assert (finding.state, finding.measured["round_trip_error"].value) == (State.PASS, 2.0)


def _slow(answer: object, *, answered_at: float) -> Reading:
    return reading(answered_at - 5.0, asked_at=answered_at - 4.0, answered_at=answered_at)


@pytest.fixture
def books(tmp_path: Path) -> Database:
    """The database of the test run itself."""
    url = urlsplit(os.environ["SUPERUSER_DATABASE_URL"])
    (tmp_path / "superuser").write_text(url.password or "")
    return Database(
        name="books",
        service="ledger",
        host=url.hostname or "",
        port=url.port or 0,
        dbname="postgres",
        user=url.username or "",
        password=SecretReference("file", "superuser"),
    )


def test_a_database_s_clock_is_read(application: Application, tmp_path: Path, books: Database) -> None:
    result = look(application, tmp_path, databases={"books": books})
    assert [one.code for one in result.findings] == ["clock.agrees"] * 2
    assert abs(float(str(result.findings[1].measured["ahead"].value))) < 1.0
    assert result.findings[1].target == f"clock_timestamp() of {books.host}:{books.port}"


def test_where_all_others_agree_ours_is_said_to_be_wrong(
    application: Application, tmp_path: Path, books: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = SimpleNamespace(time=lambda: time.time() + 30)
    monkeypatch.setattr("diagnostics.checks.auth.clock_skew.time", ours)
    result = look(application, tmp_path, databases={"books": books})
    assert [(one.state, one.code) for one in result.findings] == [(State.FAIL, "clock.skewed")] * 2
    assert all("ledger, shop agree with each other" in one.message for one in result.findings)
    observed = Observed.of_results([result], stack=application.stack(tmp_path, databases={"books": books}))
    (root,) = diagnose(observed).roots
    assert (root.candidate.key, len(root.candidate.seen)) == (("clock_skewed", "this machine"), 2)
    shows(fault("our own clock 30 s ahead"), result)


def test_a_database_that_lets_nobody_in_is_not_read(application: Application, tmp_path: Path, books: Database) -> None:
    (tmp_path / "superuser").write_text("wrong-password-here")
    result = look(application, tmp_path, databases={"books": books})
    assert looks.found(result, "clock.not_read").target.startswith("clock_timestamp()")
    assert "wrong-password-here" not in repr(result)
    (tmp_path / "superuser").unlink()
    assert looks.found(look(application, tmp_path, databases={"books": books}), "clock.not_read")


def test_it_goes_after_the_login_whatever_came_of_it() -> None:
    before = {"auth.login_probe": Progress.LOOKING, "database.postgres_direct": Progress.CLEAR, SLUG: Progress.WAITING}
    assert next_steps(before) == []
    assert next_steps(before | {"auth.login_probe": Progress.BLOCKING}) == [Step(SLUG)]


def test_a_stack_without_clocks_is_skipped(tmp_path: Path) -> None:
    assert looks.look(SLUG, looks.stack(tmp_path)).leading.code == "not_applicable"
