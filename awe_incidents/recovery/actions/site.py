"""Where an action acts: the stack with its secrets, and the ways to change it; close it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from awe_incidents.recovery.actions.engine_writer import WritingEngine
from awe_incidents.recovery.errors import ActionNotApplicable, TargetUnreachable
from diagnostics.checks.surroundings import Surroundings
from diagnostics.probes.pgbouncer import CONSOLE
from diagnostics.probes.postgres import ConnectFailure, connected
from diagnostics.stack import Database, Pooler, SecretResolver, StackConfig

CALL_SECONDS = 5.0  # for one call that looks
CONNECT_SECONDS = 5
APPLICATION_NAME = "awe-recovery"
MAINTENANCE = "postgres"  # the database that every server has, to be in while others are renamed


@dataclass(frozen=True, slots=True)
class Past:
    """An execution that succeeded, as an action may ask for it."""

    id: int
    parameters: Mapping[str, Any]
    finished_at: datetime
    after: Mapping[str, Any]  # what its verification saw


def _no_past(_: str) -> Sequence[Past]:
    return ()


@dataclass(slots=True)
class Site:
    """One stack during one plan or execution; values of secrets are resolved at the moment of use."""

    stack: StackConfig
    resolver: SecretResolver = field(repr=False)
    clean: Callable[[str], str] = field(default=str, repr=False)  # redacts texts of others that go into facts
    past: Callable[[str], Sequence[Past]] = field(default=_no_past, repr=False)  # successes of a slug, newest first
    handed: dict[str, str] = field(default_factory=dict, repr=False)  # by steps to the verification, in memory alone
    _closing: ExitStack = field(default_factory=ExitStack)
    _surroundings: Surroundings | None = None

    def close(self) -> None:
        """Close what was opened."""
        self._closing.close()

    @property
    def surroundings(self) -> Surroundings:
        """Give the places of the stack as checks see them: read-only."""
        if self._surroundings is None:
            self._surroundings = Surroundings(self.stack, lambda: CALL_SECONDS)
            self._closing.callback(self._surroundings.close)
        return self._surroundings

    @contextmanager
    def engine(self, *, seconds: float) -> Iterator[WritingEngine]:
        """Open the engine to change something; a call takes at most `seconds`.

        Raises: ActionNotApplicable, EngineFailure.
        """
        if self.stack.engine is None:
            raise ActionNotApplicable(f"stack {self.stack.name} has no engine")
        with WritingEngine(self.stack.engine, seconds=seconds, root=self.stack.root) as engine:
            yield engine

    @contextmanager
    def database(self, name: str, *, statement_seconds: float = CALL_SECONDS) -> Iterator[psycopg.Connection]:
        """Connect to a database with the application's login, straight and not through the pooler.

        Raises: ActionNotApplicable, TargetUnreachable, SecretUnavailable.
        """
        options = _changing(statement_seconds)
        with self._opened(self._described(name), f"database {name}", options=options) as connection:
            yield connection

    @contextmanager
    def administering(
        self, name: str, *, statement_seconds: float = CALL_SECONDS
    ) -> Iterator[psycopg.Connection[DictRow]]:
        """Connect to a database's server, and not to the database itself, with the monitor's login; it may write.

        Raises: ActionNotApplicable, TargetUnreachable, SecretUnavailable.
        """
        watched = replace(self._described(name).as_watched, dbname=MAINTENANCE)
        with self._opened(watched, f"database {name}", options=_changing(statement_seconds)) as connection:
            yield _with_names(connection)

    @contextmanager
    def watching(self, name: str) -> Iterator[psycopg.Connection[DictRow]]:
        """Connect read-only with the monitor's login where there is one, as checks do; rows are dictionaries.

        Raises: ActionNotApplicable, TargetUnreachable, SecretUnavailable.
        """
        with self._opened(self._described(name).as_watched, f"database {name}") as connection:
            yield _with_names(connection)

    @contextmanager
    def console(self, name: str) -> Iterator[psycopg.Connection[DictRow]]:
        """Connect to the console of a database's pooler, with the login described for it.

        Raises: ActionNotApplicable, TargetUnreachable, SecretUnavailable.
        """
        database, pooler = self._pooled(name)
        user = pooler.admin_user or database.user
        secret = pooler.admin_password if pooler.admin_user else database.password
        console = replace(database.by_way_of(pooler), dbname=CONSOLE, user=user, password=secret)
        with self._opened(console, f"the pooler of database {name}", is_pooled=True) as connection:
            yield _with_names(connection)

    @contextmanager
    def pooled(self, name: str) -> Iterator[psycopg.Connection[DictRow]]:
        """Connect through a database's pooler, as the application does.

        Raises: ActionNotApplicable, TargetUnreachable, SecretUnavailable.
        """
        database, pooler = self._pooled(name)
        what = f"by its pooler, database {name}"
        with self._opened(database.by_way_of(pooler), what, is_pooled=True) as connection:
            yield _with_names(connection)

    @contextmanager
    def _opened(self, database: Database, what: str, **more: Any) -> Iterator[psycopg.Connection]:
        password = self.resolver.reveal(database.password) if database.password else None
        more |= {"connect_seconds": CONNECT_SECONDS, "application_name": APPLICATION_NAME}
        try:
            with connected(database, password=password, **more) as connection:
                yield connection
        except ConnectFailure as failure:
            raise TargetUnreachable(f"{what}: {failure}") from None

    def _pooled(self, name: str) -> tuple[Database, Pooler]:
        database = self._described(name)
        if database.pooler is None:
            raise ActionNotApplicable(f"database {name} has no pooler")
        return database, database.pooler

    def _described(self, name: str) -> Database:
        described = self.surroundings.with_ways().databases
        if name not in described:
            known = ", ".join(sorted(described)) or "none"
            raise ActionNotApplicable(f"stack {self.stack.name} describes no database {name}; known: {known}")
        return described[name]


def _changing(statement_seconds: float) -> str:
    milliseconds = round(statement_seconds * 1000)
    return f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}"


def _with_names(connection: psycopg.Connection) -> psycopg.Connection[DictRow]:
    connection.row_factory = dict_row  # type: ignore[assignment]
    return connection  # type: ignore[return-value]
