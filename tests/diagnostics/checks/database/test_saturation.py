"""DB-03 on a real server whose connections are really taken."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from diagnostics.checks.result import Result, State
from diagnostics.stack import Monitor, SecretReference
from tests.diagnostics import looks
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.databases import APPLICATION, USABLE, WATCHER, Server, wait_until
from tests.diagnostics.servers import hanging, serving

SLUG, DIRECT = "database.saturation", "database.postgres_direct"


@contextlib.contextmanager
def held(server: Server, number: int, *, application: str = "report-exporter") -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(server.client(application=application))
        yield
    with server.superuser() as connection:
        others = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        wait_until(lambda: connection.execute(others, [application]).fetchone() == (0,))


def look(server: Server, *, slug: str = SLUG, **database: object) -> Result:
    return looks.look(slug, server.stack(**database))  # type: ignore[arg-type]


def test_a_server_with_room_passes(server: Server) -> None:
    with held(server, 3):
        result = look(server)
    assert (result.state, looks.codes(result)) == (State.PASS, {"saturation.room"})
    assert result.leading.measured["usable"].value == USABLE
    assert f"3 of {USABLE} connections are taken" in result.evidence[0].content
    shows(HEALTHY, result)


def test_many_connections_of_one_application_warn_and_name_it(server: Server) -> None:
    with held(server, 13), held(server, 1, application="till"):
        result = look(server)
    assert (result.state, result.leading.code) == (State.WARN, "saturation.connections")
    assert "13 of them by report-exporter (clerk from 127.0.0.1; 13 idle)" in result.leading.message
    assert result.leading.threshold is not None
    assert (result.leading.threshold.value, result.leading.threshold.reference) == (90, "check_postgres backends")
    shows(fault("90 % of the connections taken by one application"), result)


def test_used_up_connections_fail_here_and_the_application_is_skipped_for_it(server: Server) -> None:
    with held(server, USABLE):
        result, direct = look(server), look(server, slug=DIRECT)
    assert (result.state, result.leading.code) == (State.FAIL, "saturation.connections")
    assert "15 of 15 connections are taken (100 %), 15 of them by report-exporter" in result.leading.message
    assert (direct.state, direct.leading.code, direct.prerequisite) == (State.SKIP, "prerequisite", SLUG)
    assert direct.is_blocking
    shows(fault("every connection taken"), result)


def test_without_a_monitor_the_application_fails_and_this_is_skipped(server: Server) -> None:
    with held(server, USABLE):
        result, direct = look(server, monitor=None), look(server, slug=DIRECT, monitor=None)
    assert (result.state, result.prerequisite, result.is_blocking) == (State.SKIP, DIRECT, True)
    assert (direct.state, direct.leading.code) == (State.FAIL, "postgres.slots")
    shows(fault("every connection taken, and no monitor described"), result)


def test_without_a_monitor_the_application_can_count(server: Server) -> None:
    with held(server, 13):
        result = look(server, monitor=None)
    assert (result.state, result.leading.code) == (State.WARN, "saturation.connections")


@pytest.mark.parametrize(
    ("given", "taken", "code"),
    [
        ("ROLE clerk", "ROLE clerk CONNECTION LIMIT {}", "saturation.role_connections"),
        ("DATABASE ledger", "DATABASE ledger CONNECTION LIMIT {}", "saturation.database_connections"),
    ],
)
def test_a_limit_of_a_role_or_a_database_counts_for_itself(server: Server, given: str, taken: str, code: str) -> None:
    with server.superuser("postgres") as connection:
        try:
            connection.execute(f"ALTER {taken.format(5)}".encode())
            with held(server, 5):
                result, direct = look(server), look(server, slug=DIRECT)
        finally:
            connection.execute(f"ALTER {taken.format(-1)}".encode())
    assert (result.state, result.leading.code) == (State.FAIL, code)
    assert "5 of the 5 connections that it may have" in result.leading.message
    assert (direct.state, direct.prerequisite) == (State.SKIP, SLUG)
    shows(fault(f"the limit of a {given.split()[0].lower()} used up"), result)


def test_the_thresholds_of_the_stack_are_kept(server: Server) -> None:
    with held(server, 5):
        result = looks.look(SLUG, server.stack(limits={SLUG: {"percent": 20, "fail_percent": 30}}))
    assert result.state is State.FAIL
    assert result.leading.threshold is not None
    assert result.leading.threshold.source == "config"


def test_a_monitor_with_a_wrong_password_could_not_look(server: Server) -> None:
    (server.root / "wrong").write_text("not-the-password-at-all")
    result = look(server, monitor=Monitor(user=WATCHER, password=SecretReference("file", "wrong")))
    assert (result.state, result.leading.code) == (State.ERROR, "postgres.auth")
    assert "not-the-password" not in repr(result)
    shows(fault("the monitor's password is wrong"), result)


def test_a_server_that_never_answers_is_left_to_the_direct_connection(server: Server) -> None:
    with serving(hanging) as port:
        result = look(server, port=port)
    assert (result.state, result.prerequisite) == (State.SKIP, DIRECT)
    assert result.duration_ms < 6000
    shows(HANGING, result)


def test_a_secret_that_cannot_be_read_is_an_error(server: Server) -> None:
    result = look(server, monitor=Monitor(user=APPLICATION, password=SecretReference("file", "not-there")))
    assert (result.state, result.leading.code) == (State.ERROR, "secret_unavailable")
