"""Probe of PostgreSQL over libpq: one short read-only connection, and connect errors sorted by what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import make_conninfo

from diagnostics.stack import Database

APPLICATION_NAME = "incident-diag"
# lock_timeout and statement_timeout as in design/checks.md, "Safety"
READ_ONLY_OPTIONS = "-c default_transaction_read_only=on -c statement_timeout=5s -c lock_timeout=1s"

# psycopg gives no SQLSTATE for failed connects (measured: None in 11 of 11), so they are told apart by their text.
# Order matters: the first that matches wins.
CONNECT_ERRORS: tuple[tuple[str, str], ...] = (
    ("postgres.auth", r"password authentication failed|no password supplied|SASL authentication failed"),
    ("postgres.no_database", r"database \"[^\"]*\" does not exist|no such database"),
    ("postgres.no_role", r"role \"[^\"]*\" does not exist|no such user"),
    (
        "postgres.not_permitted",
        r"no pg_hba\.conf entry|is not permitted to log in|permission denied for database|FATAL: not allowed",
    ),
    # What PgBouncer says for itself (1.18 and later).
    ("postgres.query_wait", r"query_wait_timeout"),
    ("postgres.server_login", r"server login has been failing|server_login_retry|cannot connect to server"),
    ("postgres.pooler_full", r"no more connections allowed"),
    ("postgres.disabled", r"database \"[^\"]*\" is disabled|database does not allow connections"),
    ("postgres.slots", r"too many clients|remaining connection slots|too many connections for"),
    ("postgres.starting", r"the database system is (?:starting up|not yet accepting connections|in recovery mode)"),
    ("postgres.stopping", r"the database system is shutting down|terminating connection due to administrator command"),
    ("postgres.not_accepting", r"is not currently accepting connections"),
    (
        "postgres.dns",
        (
            r"could not translate host name|failed to resolve host|Name or service not known|getaddrinfo"
            r"|Temporary failure in name"
        ),
    ),
    ("postgres.refused", r"Connection refused|Cannot assign requested address"),
    ("postgres.unreachable", r"No route to host|Network is unreachable|Host is unreachable"),
    ("postgres.timeout", r"timeout expired|connection timeout|timed out"),
    ("postgres.ssl", r"SSL error|server does not support SSL|SSL connection|certificate verify failed|no encryption"),
    ("postgres.closed", r"server closed the connection unexpectedly|Connection reset by peer|EOF detected"),
)
# The server is there, and does not want this login.
LOGIN_REFUSED = {"postgres.auth", "postgres.no_role", "postgres.not_permitted"}


@dataclass(frozen=True, slots=True)
class ConnectFailure(Exception):
    """The server was not reached or said no; `text` may hold names, never the password."""

    code: str
    text: str

    def __str__(self) -> str:
        """Give the driver's words in one line."""
        return self.text


@contextmanager
def connected(
    database: Database,
    *,
    password: str | None,
    connect_seconds: float,
    is_pooled: bool = False,
    options: str = READ_ONLY_OPTIONS,
    application_name: str = APPLICATION_NAME,
) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Open an autocommit connection with the stack's credentials, a read-only one where no other options are given.

    A pooler knows no options, and what is set there would stay with a server's connection that others are given next.
    Raises: ConnectFailure; CouldNotLook, where the container that is looked through ended.
    """
    here = database.way.address() if database.way else None
    conninfo = make_conninfo(
        host=database.host,
        hostaddr=here[0] if here else None,
        port=here[1] if here else database.port,
        dbname=database.dbname,
        user=database.user,
        sslmode=database.sslmode,
        connect_timeout=max(2, round(connect_seconds)),  # libpq counts whole seconds and takes 1 for 2
        application_name=application_name,
        options=None if is_pooled else options,
    )
    try:
        connection = psycopg.connect(conninfo, password=password, autocommit=True)
    except psycopg.OperationalError as error:
        raise classified((database.way and database.way.failure) or str(error)) from None
    if is_pooled:
        connection.prepare_threshold = None  # the next statement may meet another server, and a console knows no such
    with connection:
        try:
            yield connection
        except psycopg.OperationalError:
            if database.way:
                _ = database.way.failure  # raises where it is not the server's doing
            raise


def classified(text: str) -> ConnectFailure:
    """Sort the driver's words for a failed connect."""
    line = " ".join(text.split())
    code = next((code for code, pattern in CONNECT_ERRORS if re.search(pattern, line)), "postgres.other")
    return ConnectFailure(code, line)
