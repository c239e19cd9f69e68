"""Call a function in PostgreSQL by a statement that each connection prepares once.

By one of Django's cursors the values are written into the statement, which PostgreSQL reads and plans each time: half
of what a small call takes (docs/adr/0032). This goes by libpq as psycopg wraps it (its manual, "pq"): values are apart.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db.transaction import get_connection
from psycopg import abc, pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import InvalidSqlStatementName, error_from_result


class PreparedCall:
    """The call of one function that gives one number, in the running transaction of Django's connection.

    Values have the types that the function declares, on the wire too: a `bigint` is passed as psycopg's `Int8`, as the
    size of an `int` would be that of its value.
    """

    def __init__(self, function: str, *, values: int) -> None:
        self._name = f"call_{function}".encode()
        self._statement = f"SELECT {function}({', '.join(f'${place + 1}' for place in range(values))})"
        self._asked = [PyFormat.BINARY] * values
        self._writers: WeakKeyDictionary[psycopg.Connection[Any], abc.Transformer] = WeakKeyDictionary()

    def __call__(self, values: Sequence[Any]) -> int:
        """Call it with these values.

        Raises: django.db.Error, as a cursor would.
        """
        began, django = time.monotonic(), get_connection()  # asked once: each question to the proxy takes a microsecond
        if django.connection is None:
            django.ensure_connection()
        if django.needs_rollback:
            django.validate_no_broken_transaction()
        with django.wrap_database_errors:
            given = self._call(django.connection, values)
        if django.queries_logged:
            django.queries_log.append({"sql": self._statement, "time": f"{time.monotonic() - began:.3f}"})
        return given

    def _call(self, session: psycopg.Connection[Any], values: Sequence[Any]) -> int:
        writer, server = self._writers.get(session), session.pgconn
        if server.transaction_status == pq.TransactionStatus.IDLE:
            session.execute("")  # the driver knows how to begin a transaction
        if writer is None:
            _check(session, server.prepare(self._name, self._statement.encode()))
            self._writers[session] = writer = Transformer(session)
        written = writer.dump_sequence(values, self._asked)
        result = server.exec_prepared(self._name, written, writer.formats)  # type: ignore[arg-type]  # None is NULL
        try:
            _check(session, result)
        except InvalidSqlStatementName:  # somebody discarded it; the next transaction prepares it again
            del self._writers[session]
            raise
        return int(result.get_value(0, 0) or b"")


def _check(session: psycopg.Connection[Any], result: pq.abc.PGresult) -> None:
    if session.pgconn.status == pq.ConnStatus.BAD:
        raise psycopg.OperationalError(session.pgconn.get_error_message())
    if result.status not in {pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK}:
        raise error_from_result(result, encoding=session.info.encoding)
