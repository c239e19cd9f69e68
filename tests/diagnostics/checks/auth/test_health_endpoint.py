"""The health endpoint: what it says, what answers instead of it, and no answer at all."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from diagnostics.checks.result import State
from diagnostics.looking.plan import Progress, next_steps
from diagnostics.stack import Endpoint
from tests.diagnostics import looks
from tests.diagnostics.applications import Reply, running_application
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.servers import Handler, hanging, serving

SLUG = "auth.health_endpoint"
DOWN = {"status": "error", "error": "OperationalError: password=hunter2hunter2 refused"}


@pytest.mark.parametrize(
    ("reply", "state", "code"),
    [
        (Reply(200, {"status": "ok", "checks": {"db": {"status": "ok"}}}), State.PASS, "health.ok"),
        (Reply(200, b"OK"), State.PASS, "health.ok"),
        (Reply(204, b""), State.PASS, "health.ok"),
        (Reply(200, {"status": "degraded"}), State.WARN, "health.degraded"),
        (Reply(200, {"status": "ok", "checks": {"db": {"status": "warn"}}}), State.WARN, "health.degraded"),
        (Reply(200, b"<html>Sign in</html>"), State.WARN, "health.unclear"),
        (Reply(200, {"status": "ok", "checks": {"db": DOWN}}), State.FAIL, "health.unhealthy"),
        (Reply(503, {"status": "unhealthy", "checks": {"db": DOWN}}), State.FAIL, "health.unhealthy"),
        (Reply(503, b""), State.FAIL, "health.unhealthy"),
        (Reply(500, {"detail": "internal"}), State.FAIL, "health.server_error"),
        (Reply(502, b"Bad Gateway"), State.FAIL, "health.gateway"),
        (Reply(504, b""), State.FAIL, "health.gateway"),
        (Reply(401, {"detail": "who are you"}), State.FAIL, "health.refused"),
        (Reply(404, {"detail": "no such path"}), State.FAIL, "health.not_found"),
        (Reply(302, b"", {"Location": "/login"}), State.FAIL, "health.redirected"),
        (Reply(418, b""), State.FAIL, "health.unexpected"),
    ],
)
def test_each_answer_has_its_state_and_code(tmp_path: Path, reply: Reply, state: State, code: str) -> None:
    with running_application({"/up": reply}) as application:
        result = looks.look(SLUG, application.stack(tmp_path))
    assert (result.state, result.leading.code) == (state, code)
    assert result.leading.citations
    assert f"HTTP {reply.status}" in result.evidence[0].content
    assert "hunter2" not in repr(result)
    assert result.is_blocking == (code == "health.gateway")
    situations = {503: "a dependency of the application fails", 502: "the proxy has no application behind it"}
    if isinstance(reply.body, dict) and reply.body.get("checks") == {"db": {"status": "ok"}}:
        shows(HEALTHY, result)
    elif reply.status in situations and reply.body:
        shows(fault(situations[reply.status]), result)


def test_the_failing_component_is_named_with_its_words(tmp_path: Path) -> None:
    with running_application({"/up": Reply(503, {"status": "unhealthy", "checks": {"ledger": DOWN}})}) as application:
        finding = looks.look(SLUG, application.stack(tmp_path)).leading
    assert "ledger" in finding.message
    assert "OperationalError" in finding.message


def garbage(connection: object) -> None:
    connection.sendall(b"\x00\xff" * 1000)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("handler", "reason"), [(hanging, "http.timeout"), (lambda connection: None, "http."), (garbage, "http.")]
)
def test_no_answer_is_a_finding_that_blocks_and_comes_in_time(tmp_path: Path, handler: Handler, reason: str) -> None:
    with serving(handler) as port:
        config = looks.stack(
            tmp_path,
            endpoints={"till": Endpoint(name="till", service="shop", url=f"http://127.0.0.1:{port}")},
            thresholds={SLUG: {"total_seconds": 1.0}},
        )
        began = time.monotonic()
        result = looks.look(SLUG, config)
    assert (result.state, result.leading.code) == (State.FAIL, "health.no_answer")
    assert str(result.leading.measured["reason"].value).startswith(reason)
    if handler is hanging:
        shows(HANGING, result)
    assert result.is_blocking
    assert time.monotonic() - began < 3


def test_a_dead_endpoint_does_not_hide_the_others(tmp_path: Path) -> None:
    dead = Endpoint(name="side", service="shop", url="http://127.0.0.1:9")
    with running_application({"/up": Reply(200, b"ok")}) as application:
        config = application.stack(tmp_path)
        both = looks.stack(tmp_path, endpoints={**config.endpoints, "side": dead})
        result = looks.look(SLUG, both)
    assert [(one.code, one.state) for one in result.findings] == [
        ("health.ok", State.PASS),
        ("health.no_answer", State.FAIL),
    ]


def test_an_endless_body_and_huge_headers_end(tmp_path: Path) -> None:
    def endless(connection: object) -> None:
        connection.recv(1000)  # type: ignore[attr-defined]
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")  # type: ignore[attr-defined]
        while True:
            connection.sendall(b"x" * 65536)  # type: ignore[attr-defined]

    def headers(connection: object) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")  # type: ignore[attr-defined]
        while True:
            connection.sendall(b"X-More: " + b"y" * 60_000 + b"\r\n")  # type: ignore[attr-defined]

    for handler in (endless, headers):
        with serving(handler) as port:
            door = Endpoint(name="till", service="shop", url=f"http://127.0.0.1:{port}")
            config = looks.stack(tmp_path, endpoints={"till": door}, thresholds={SLUG: {"total_seconds": 2.0}})
            result = looks.look(SLUG, config)
        assert result.state in {State.WARN, State.FAIL}
        assert sum(len(one.content) for one in result.evidence) < 50_000


def test_a_stack_without_endpoints_has_nothing_to_look_at(tmp_path: Path) -> None:
    assert looks.look(SLUG, looks.stack(tmp_path)).leading.code == "not_applicable"


@pytest.mark.parametrize("blocker", ["ssl.mtls_handshake", "database.postgres_direct", "database.redis"])
def test_it_is_skipped_where_what_it_stands_on_fails(blocker: str) -> None:
    steps = next_steps({blocker: Progress.BLOCKING, SLUG: Progress.WAITING})
    assert [(step.slug, step.blocked_by) for step in steps] == [(SLUG, blocker)]
