"""Sessions from the shell: order, handovers in memory, skips, the limit of the whole run, and what a report says."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diagnostics.checks.registry import UnknownCheck, all_checks, suite, with_requirements
from diagnostics.checks.result import Finding, Result, State, only_finding
from diagnostics.checks.seeing import Earlier
from diagnostics.looking import LookRequest, session
from diagnostics.looking.look import Look
from diagnostics.looking.report import SessionReport, Verdict
from diagnostics.looking.session import run_session
from diagnostics.stack import Queue, StackConfig
from tests.diagnostics import looks
from tests.diagnostics.applications import KEY, Reply, running_application, token
from tests.diagnostics.servers import hanging, serving

SLUGS = sorted(all_checks())


def result(slug: str, state: State, code: str = "made.up") -> Result:
    finding = Finding(state=state, code=code, message=f"{slug} {state.value}")
    return only_finding(check=slug, version=1, finding=finding, at=datetime.now(UTC), vantage="worker")


class FakeLooks:
    """Stands in for the processes: answers as it is told and remembers who asked when."""

    def __init__(self, states: Mapping[str, State], *, seconds: float = 0.0, handing: Mapping[str, str] | None = None):
        self.states, self.seconds, self.handing = states, seconds, handing or {}
        self.requests: dict[str, LookRequest] = {}
        self.settled: list[str] = []
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()

    def __call__(self, request: LookRequest) -> Look:
        with self._lock:
            self.requests[request.slug] = request
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self.seconds)
        with self._lock:
            self.at_once -= 1
            self.settled.append(request.slug)
        return Look(result(request.slug, self.states.get(request.slug, State.PASS)), self.handing)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[[FakeLooks], FakeLooks]:
    def use(looks_: FakeLooks) -> FakeLooks:
        monkeypatch.setattr(session, "look_in_process", looks_)
        monkeypatch.setattr(session, "warm_up", lambda: None)
        return looks_

    return use


def by_slug(report: SessionReport) -> dict[str, Result]:
    return {one.check: one for one in report.results}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(states=st.fixed_dictionaries({slug: st.sampled_from(State) for slug in SLUGS}))
def test_every_session_ends_with_one_result_each_and_never_looks_too_early(
    fake: Callable[[FakeLooks], FakeLooks], tmp_path_factory: pytest.TempPathFactory, states: dict[str, State]
) -> None:
    looking = fake(FakeLooks(states))
    told: list[str] = []
    report = run_session(
        looks.stack(tmp_path_factory.getbasetemp()), on_result=lambda one: told.append(one.check), limit_seconds=20
    )
    assert [one.check for one in report.results] == SLUGS
    assert sorted(told) == SLUGS
    for slug, one in all_checks().items():
        answered = by_slug(report)[slug]
        if blocking := [name for name in one.requires if by_slug(report)[name].is_blocking]:
            assert answered.leading.code == "prerequisite"
            assert answered.prerequisite in blocking
            assert told.index(answered.prerequisite) < told.index(slug)
            assert slug not in looking.requests
        else:
            assert answered.state is states[slug]
            before = (*one.requires, *getattr(one, "after", ()))
            assert all(told.index(name) < told.index(slug) for name in before)


def test_handovers_go_to_what_comes_after_and_into_no_report(
    fake: Callable[[FakeLooks], FakeLooks], tmp_path: Path
) -> None:
    looking = fake(FakeLooks({}, handing={"auth.token": "a-very-secret-token"}))
    report = run_session(looks.stack(tmp_path))
    assert looking.requests["auth.token_structure"].handed == {"auth.token": "a-very-secret-token"}
    assert "a-very-secret-token" not in json.dumps(report.as_json())
    assert "a-very-secret-token" not in repr(report)


def test_every_session_redacts_with_another_key_unless_one_is_given(
    fake: Callable[[FakeLooks], FakeLooks], tmp_path: Path
) -> None:
    keys = []
    for given_key in (None, None, b"k" * 32):
        looking = fake(FakeLooks({}))
        run_session(looks.stack(tmp_path), slugs=["database.redis"], redaction_key=given_key)
        keys.append(looking.requests["database.redis"].redaction_key)
    assert keys[0] != keys[1]
    assert len(keys[0]) >= 32
    assert keys[2] == b"k" * 32


def test_checks_look_side_by_side_but_not_all_at_once(fake: Callable[[FakeLooks], FakeLooks], tmp_path: Path) -> None:
    looking = fake(FakeLooks({}, seconds=0.05))
    run_session(looks.stack(tmp_path))
    assert 2 <= looking.most_at_once <= session.AT_ONCE


def test_at_the_limit_what_is_open_becomes_an_error(fake: Callable[[FakeLooks], FakeLooks], tmp_path: Path) -> None:
    fake(FakeLooks({}, seconds=3.0))
    began = time.monotonic()
    report = run_session(looks.stack(tmp_path), suite="auth", limit_seconds=0.3)
    assert time.monotonic() - began < 2
    assert [one.check for one in report.results] == list(suite("auth"))
    assert {one.leading.code for one in report.results} == {"run.deadline"}
    assert report.exit_code == 3


def test_a_process_that_cannot_be_had_is_an_error(
    fake: Callable[[FakeLooks], FakeLooks], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake(FakeLooks({}))

    def refuse(request: LookRequest) -> Look:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(session, "look_in_process", refuse)
    report = run_session(looks.stack(tmp_path), slugs=["network.dns"])
    assert by_slug(report)["network.dns"].leading.code == "look.lost"


def test_chosen_checks_come_with_what_they_require() -> None:
    assert with_requirements(["auth.token_lifetime"])[:3] == (
        "auth.health_endpoint",
        "auth.login_probe",
        "auth.token_lifetime",
    )
    with pytest.raises(UnknownCheck):
        with_requirements(["no.such_check"])


@pytest.mark.parametrize(
    ("states", "verdict", "exit_code"),
    [
        ({}, Verdict.HEALTHY, 0),
        ({"database.redis": State.WARN}, Verdict.HEALTHY, 0),
        ({"startup.logs": State.FAIL}, Verdict.INCONCLUSIVE, 2),  # no cause is known for it
        ({"startup.logs": State.FAIL, "ssl.names": State.ERROR}, Verdict.INCONCLUSIVE, 2),
        ({"ssl.names": State.ERROR}, Verdict.INCONCLUSIVE, 2),
        ({"auth.login_probe": State.SKIP}, Verdict.INCONCLUSIVE, 2),
        (dict.fromkeys(SLUGS, State.ERROR), Verdict.COULD_NOT_LOOK, 3),
        (dict.fromkeys(SLUGS, State.SKIP), Verdict.COULD_NOT_LOOK, 3),
    ],
)
def test_the_verdict_and_the_exit_code(
    fake: Callable[[FakeLooks], FakeLooks], tmp_path: Path, states: dict[str, State], verdict: Verdict, exit_code: int
) -> None:
    fake(FakeLooks(states))
    report = run_session(looks.stack(tmp_path))
    assert (report.verdict, report.exit_code) == (verdict, exit_code)


def test_coverage_counts_every_check_once(fake: Callable[[FakeLooks], FakeLooks], tmp_path: Path) -> None:
    fake(FakeLooks({"ssl.names": State.ERROR, "database.redis": State.FAIL, "startup.logs": State.SKIP}))
    coverage = run_session(looks.stack(tmp_path)).coverage
    groups = (coverage.looked, coverage.could_not_look, coverage.skipped, coverage.not_applicable)
    assert sorted(one.check for group in groups for one in group) == SLUGS
    assert [one.check for one in coverage.could_not_look] == ["ssl.names"]
    assert "startup.logs" in [one.check for one in coverage.skipped]
    assert str(coverage).startswith(f"{len(SLUGS)} checks: ")


def test_the_json_form_has_what_its_documentation_promises(tmp_path: Path) -> None:
    report = run_session(looks.stack(tmp_path, queue=dead_queue()), slugs=["database.redis"])
    told = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert {key: told[key] for key in ("format", "suite", "verdict", "exit_code")} == {
        "format": 1,
        "suite": "",
        "verdict": "unhealthy",
        "exit_code": 1,
    }
    assert told["stack"] == {"name": "corner-shop", "environment": "Staging", "vantage": "process"}
    one, *required = told["results"]
    assert {other["check"]: other["code"] for other in required} == {
        "network.dns": "not_applicable",
        "network.published_ports": "firewall.open",
    }
    assert (one["check"], one["state"], one["code"]) == ("database.redis", "fail", "redis.refused")
    (finding,) = one["findings"]
    (evidence,) = one["evidence"]
    assert finding["citations"] == [{"evidence": evidence["key"], "first_line": 1, "last_line": 1}]
    assert evidence["content"].startswith("redis.refused")
    documented = SessionReport.__module__
    assert all(key in (__import__(documented, fromlist=["x"]).__doc__ or "") for key in (*told, *one, *finding))


def dead_queue() -> Queue:
    return Queue(service="q", adapter="redis-list", host="127.0.0.1", port=9)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[StackConfig]:
    """A small real application that logs in and out, with the key of its tokens in a file."""
    fresh = token(iat=time.time(), exp=time.time() + 1800)
    replies = {
        "/up": Reply(200, {"status": "ok"}),
        "/session": Reply(200, {"access_token": fresh}),
        "/me": Reply(200, {"sub": "tester"}),
    }
    (tmp_path / "key").write_text(KEY)
    with running_application(replies) as application:
        yield application.stack(tmp_path)


def test_a_real_session_in_real_processes_passes_the_token_on(shop: StackConfig) -> None:
    report = run_session(shop, suite="auth")
    states = {one.check: (one.state.value, one.leading.code) for one in report.results}
    assert states["auth.login_probe"] == ("pass", "login.accepted")
    assert states["auth.token_structure"] == ("pass", "token.well_formed")
    assert states["auth.token_lifetime"] == ("pass", "token.timely")
    assert "eyJ" not in json.dumps(report.as_json())
    assert report.verdict is Verdict.HEALTHY


def test_a_refusal_of_an_earlier_session_holds_the_login_back(shop: StackConfig) -> None:
    earlier = {"auth.login_probe": Earlier("fail", "login.locked", datetime.now(UTC))}
    report = run_session(shop, suite="auth", earlier=earlier)
    assert by_slug(report)["auth.login_probe"].leading.code == "login.recently_refused"
    assert by_slug(report)["auth.token_structure"].leading.code == "token.none"
    assert report.verdict is Verdict.INCONCLUSIVE


def test_a_hanging_target_ends_with_its_check_and_the_rest_goes_on(shop: StackConfig) -> None:
    with serving(hanging) as port:
        stuck = dataclasses.replace(shop, queue=dataclasses.replace(dead_queue(), port=port))
        began = time.monotonic()
        report = run_session(stuck, slugs=["database.redis", "auth.token_signature"])
    assert by_slug(report)["database.redis"].leading.code == "redis.timeout"
    assert time.monotonic() - began < 10
