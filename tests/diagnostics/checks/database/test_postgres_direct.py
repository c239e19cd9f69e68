"""DB-01 against the embedded PostgreSQL, made to refuse in each of its ways, and against what is no PostgreSQL."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from diagnostics.checks.result import Result, State
from diagnostics.probes.postgres import classified
from diagnostics.stack import Database, SecretReference
from tests.database import superuser
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import look, stack

ROLE = "incident_shop"
PASSWORD = "the-till-is-open"


@pytest.fixture(scope="module", autouse=True)
def role() -> Iterator[None]:
    """A login role of our own to be refused."""
    with superuser().connect() as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(PASSWORD))
        )
        connection.execute("CREATE DATABASE incident_shop OWNER incident_shop")
        yield
        connection.execute("DROP DATABASE incident_shop WITH (FORCE)")
        connection.execute("DROP ROLE incident_shop")


@contextmanager
def altered(change: str, back: str) -> Iterator[None]:
    with superuser().connect() as connection:
        connection.execute(change)
        try:
            yield
        finally:
            connection.execute(back)


def ask(
    root: Path,
    *,
    password: str | None = PASSWORD,
    host: str = "127.0.0.1",
    port: int | None = None,
    dbname: str = "incident_shop",
    sslmode: str = "prefer",
) -> Result:
    (root / "password").write_text(password or "")
    database = Database(
        name="shop",
        service="database",
        host=host,
        port=port or urlsplit(os.environ["SUPERUSER_DATABASE_URL"]).port or 0,
        dbname=dbname,
        user=ROLE,
        password=SecretReference("file", "password") if password is not None else None,
        sslmode=sslmode,
    )
    return look("database.postgres_direct", stack(root, databases={"shop": database}))


def test_a_healthy_database_passes_with_its_answer_as_evidence(tmp_path: Path) -> None:
    result = ask(tmp_path)
    assert (result.state, result.leading.code) == (State.PASS, "postgres.answered")
    assert "PostgreSQL" in result.evidence[0].content
    assert result.leading.citations
    shows(HEALTHY, result)


def test_the_session_is_read_only() -> None:
    with superuser().connect() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS nothing (id int)")
    from diagnostics.probes.postgres import connected

    login = urlsplit(os.environ["SUPERUSER_DATABASE_URL"])
    database = Database(
        name="x", service="x", host="127.0.0.1", port=login.port or 0, dbname="postgres", user=login.username or ""
    )
    with connected(database, password=login.password, connect_seconds=3) as connection:  # noqa: SIM117
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("INSERT INTO nothing VALUES (1)")
    with superuser().connect() as connection:
        connection.execute("DROP TABLE nothing")


def test_a_wrong_password_is_auth_and_stands_nowhere(tmp_path: Path) -> None:
    result = ask(tmp_path, password="wrong-and-secret")
    assert result.leading.code == "postgres.auth"
    assert "wrong-and-secret" not in repr(result)
    shows(fault("wrong password"), result)


def test_no_password_is_auth(tmp_path: Path) -> None:
    assert ask(tmp_path, password=None).leading.code == "postgres.auth"


def test_a_missing_database_has_its_own_code(tmp_path: Path) -> None:
    result = ask(tmp_path, dbname="nowhere")
    assert result.leading.code == "postgres.no_database"
    shows(fault("no such database"), result)


def test_used_up_connections_have_their_own_code(tmp_path: Path) -> None:
    with altered(f"ALTER ROLE {ROLE} CONNECTION LIMIT 0", f"ALTER ROLE {ROLE} CONNECTION LIMIT -1"):
        result = ask(tmp_path)
    assert result.leading.code == "postgres.slots"
    shows(fault("connections used up"), result)


def test_a_role_that_may_not_log_in_has_its_own_code(tmp_path: Path) -> None:
    with altered(f"ALTER ROLE {ROLE} NOLOGIN", f"ALTER ROLE {ROLE} LOGIN"):
        result = ask(tmp_path)
    assert result.leading.code == "postgres.not_permitted"
    shows(fault("role may not log in"), result)


def test_a_database_that_takes_no_connections_has_its_own_code(tmp_path: Path) -> None:
    with altered(
        "ALTER DATABASE incident_shop ALLOW_CONNECTIONS false", "ALTER DATABASE incident_shop ALLOW_CONNECTIONS true"
    ):
        result = ask(tmp_path)
    assert result.leading.code == "postgres.not_accepting"
    shows(fault("database takes no connections"), result)


def test_a_closed_port_is_refused(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    result = ask(tmp_path, port=port)
    assert result.leading.code == "postgres.refused"
    shows(fault("nobody listens"), result)


def test_an_unknown_name_is_dns(tmp_path: Path) -> None:
    result = ask(tmp_path, host="no-such-host.invalid")
    assert result.leading.code == "postgres.dns"
    shows(fault("unknown host name"), result)


def test_a_server_without_tls_is_told_apart_where_tls_is_demanded(tmp_path: Path) -> None:
    result = ask(tmp_path, sslmode="require")
    assert result.leading.code == "postgres.ssl"
    shows(fault("TLS demanded where there is none"), result)


def test_a_server_that_accepts_and_never_answers_is_a_finding(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        result = ask(tmp_path, port=silent.getsockname()[1])
    assert (result.state, result.leading.code) == (State.FAIL, "postgres.timeout")
    assert result.duration_ms < 6000
    shows(HANGING, result)


def test_what_is_no_postgresql_is_a_finding_and_no_crash(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(5)

        def answer() -> None:
            connection, _address = other.accept()
            with connection, other:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 1000)

        thread = threading.Thread(target=answer)
        thread.start()
        result = ask(tmp_path, port=other.getsockname()[1])
        thread.join(timeout=5)
    assert result.state is State.FAIL
    shows(fault("another protocol on its port"), result)


def test_a_secret_that_cannot_be_read_is_error_and_not_fail(tmp_path: Path) -> None:
    database = Database(
        name="shop",
        service="database",
        host="127.0.0.1",
        port=1,
        dbname="x",
        user="x",
        password=SecretReference("file", "not-there"),
    )
    result = look("database.postgres_direct", stack(tmp_path, databases={"shop": database}))
    assert (result.state, result.leading.code) == (State.ERROR, "secret_unavailable")


def test_a_stack_without_databases_is_not_applicable(tmp_path: Path) -> None:
    result = look("database.postgres_direct", stack(tmp_path))
    assert (result.state, result.leading.code, result.is_blocking) == (State.SKIP, "not_applicable", False)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("FATAL:  the database system is starting up", "postgres.starting"),
        ("FATAL:  the database system is shutting down", "postgres.stopping"),
        ("server closed the connection unexpectedly", "postgres.closed"),
        ("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", "postgres.slots"),
        ('FATAL:  no pg_hba.conf entry for host "172.18.0.5", user "app", database "ai"', "postgres.not_permitted"),
        ("No route to host", "postgres.unreachable"),
        ("words that nobody knows", "postgres.other"),
    ],
)
def test_connect_errors_are_sorted_by_their_text(text: str, code: str) -> None:
    assert classified(text).code == code
