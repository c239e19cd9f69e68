"""A call that is prepared once: as a cursor would make it, whatever happens to the connection."""

from __future__ import annotations

import psycopg
import pytest
from django.conf import LazySettings
from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext
from psycopg.types.numeric import Int8

from awe_incidents.prepared import PreparedCall


@pytest.fixture
def divide(transactional_db: None) -> PreparedCall:
    """PostgreSQL's own function behind `/`."""
    return PreparedCall("int8div", values=2)


def test_it_gives_what_the_function_gives(divide: PreparedCall) -> None:
    with transaction.atomic():
        assert [divide([Int8(number), Int8(2)]) for number in (4, -4, 2**53)] == [2, -2, 2**52]


def test_it_begins_the_transaction_where_it_is_the_first_statement(divide: PreparedCall) -> None:
    with transaction.atomic():
        divide([Int8(2), Int8(2)])
        assert connection.connection.info.transaction_status.name == "INTRANS"
    connection.ensure_connection()
    assert connection.connection.info.transaction_status.name == "IDLE"


def test_what_the_function_refuses_is_an_error_of_django_and_fails_the_transaction(divide: PreparedCall) -> None:
    with pytest.raises(DatabaseError, match="division by zero") as refusal, transaction.atomic():
        divide([Int8(2), Int8(0)])
    assert isinstance(refusal.value.__cause__, psycopg.errors.DivisionByZero)
    with transaction.atomic():
        assert divide([Int8(2), Int8(2)]) == 1


def test_in_a_transaction_that_failed_nothing_is_sent(divide: PreparedCall) -> None:
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            divide([Int8(2), Int8(2)])


STRAYED = {
    "the pooler's other session does not have it": "DEALLOCATE call_int8div",
    "the pooler's other session has it already": "PREPARE call_int8div AS SELECT 1",
}


@pytest.mark.parametrize("name", STRAYED)
def test_where_names_do_not_last_it_goes_without_one(divide: PreparedCall, name: str) -> None:
    with transaction.atomic():
        if name.endswith("not have it"):
            divide([Int8(2), Int8(2)])
        with connection.cursor() as cursor:
            cursor.execute(STRAYED[name])
        with pytest.raises(DatabaseError, match="prepared statement"), transaction.atomic():
            divide([Int8(2), Int8(2)])
        assert [divide([Int8(number), Int8(2)]) for number in (2, 4)] == [1, 2]


def test_without_prepared_statements_none_is_made(divide: PreparedCall, settings: LazySettings) -> None:
    settings.PREPARED_CALLS = False
    connection.close()
    with transaction.atomic(), connection.cursor() as cursor:
        assert divide([Int8(6), Int8(2)]) == 3
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE name = 'call_int8div'")
        assert cursor.fetchone() == (0,)


def test_a_statement_outlives_what_is_rolled_back_and_other_statements(divide: PreparedCall) -> None:
    for _ in range(10):
        connection.ensure_connection()
        with transaction.atomic(), psycopg.Cursor(connection.connection) as cursor:
            divide([Int8(2), Int8(2)])
            cursor.execute("SELECT %s", [1])  # often enough for psycopg to prepare it, if it did
            transaction.set_rollback(True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE name = 'call_int8div'")
        assert cursor.fetchone() == (1,)


def test_a_connection_that_the_server_ended_is_told_of_and_replaced(divide: PreparedCall) -> None:
    with transaction.atomic():
        divide([Int8(2), Int8(2)])
    session = connection.connection
    with pytest.raises(psycopg.errors.AdminShutdown):
        session.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(OperationalError):
        divide([Int8(2), Int8(2)])
    connection.close()
    with transaction.atomic():
        assert divide([Int8(2), Int8(2)]) == 1


def test_it_is_seen_where_queries_are(divide: PreparedCall) -> None:
    with CaptureQueriesContext(connection) as seen, transaction.atomic():
        divide([Int8(2), Int8(2)])
    assert "SELECT int8div($1, $2)" in [one["sql"] for one in seen]
