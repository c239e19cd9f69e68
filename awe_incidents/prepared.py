"""Call a function in PostgreSQL by a statement that each connection prepares once.

By one of Django's cursors the values are written into the statement, which PostgreSQL reads and plans each time: half
of what a small call takes (docs/adr/0032). This goes by libpq as psycopg wraps it (its manual, "pq"): values are apart.

Behind a pooler that gives each transaction another session, a prepared statement may be there unasked, or be gone. Such
a pooler is to be told of (`AWE_DB_PREPARE`); where it is not, the first call that meets it fails, and those after it go
without a name, which takes PostgreSQL a tenth more.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.conf import settings
from django.db.transaction import get_connection
from psycopg import abc, pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import DuplicatePreparedStatement, InvalidSqlStatementName, error_from_result


class PreparedCall:
    """The call of one function that gives one number, in the running transaction of Django's connection.

    Values have the types that the function declares, on the wire too: a `bigint` is passed as psycopg's `Int8`, as the
    size of an `int` would be that of its value.
    """

    def __init__(self, function: str, *, values: int) -> None:
        self._name = f"call_{function}".encode()
        self._statement = f"SELECT {function}({', '.join(f'${place + 1}' for place in range(values))})"
        self._asked = [PyFormat.BINARY] * values
        self._names_last = True  # until one was found to have gone, or to be there already
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
        if session.pgconn.transaction_status == pq.TransactionStatus.IDLE:
            session.execute("")  # the driver knows how to begin a transaction
        try:
            result = self._sent(session, values)
        except (DuplicatePreparedStatement, InvalidSqlStatementName):
            self._names_last = False
            raise
        return int(result.get_value(0, 0) or b"")

    def _sent(self, session: psycopg.Connection[Any], values: Sequence[Any]) -> pq.abc.PGresult:
        server, writer = session.pgconn, self._writers.get(session)
        if not (self._names_last and settings.PREPARED_CALLS):
            writer = Transformer(session)
            written: Any = writer.dump_sequence(values, self._asked)
            statement = self._statement.encode()
            return _checked(session, server.exec_params(statement, written, param_formats=writer.formats))
        if writer is None:
            _checked(session, server.prepare(self._name, self._statement.encode()))
            self._writers[session] = writer = Transformer(session)
        written = writer.dump_sequence(values, self._asked)
        return _checked(session, server.exec_prepared(self._name, written, writer.formats))


def _checked(session: psycopg.Connection[Any], result: pq.abc.PGresult) -> pq.abc.PGresult:
    if session.pgconn.status == pq.ConnStatus.BAD:
        raise psycopg.OperationalError(session.pgconn.get_error_message())
    if result.status not in {pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK}:
        raise error_from_result(result, encoding=session.info.encoding)
    return result
