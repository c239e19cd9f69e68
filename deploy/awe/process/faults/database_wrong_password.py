"""The application's password was changed in the database only."""

from __future__ import annotations

import secrets
from typing import ClassVar

import psycopg

from deploy.awe.process.environments import ROLE
from deploy.awe.process.errors import ApiUnreachable
from deploy.awe.process.faults.fault import Fault
from deploy.awe.process.passwords import set_password


class DatabaseWrongPassword(Fault):
    """The database refuses the application's login."""

    slug: ClassVar[str] = "database-wrong-password"
    title: ClassVar[str] = f"the password of the role {ROLE} was changed in the database only"

    def inject(self) -> None:
        """Give the role a password that nobody knows, and end the connections that a pooler keeps."""
        self._set(secrets.token_urlsafe(24))
        with self.stack.superuser() as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [ROLE])

    def is_broken(self) -> bool:
        """The database refuses the application's login, and the api says that it has no database."""
        try:
            answer = self.stack.client().get("/health")
        except ApiUnreachable:
            return False
        is_missed = answer.status == 503 and answer.body["checks"]["database"]["status"] == "error"
        return is_missed and self._is_refused()

    def mend(self) -> None:
        """Give the role the password that the application has."""
        self._set(self.stack.layout.secret("database_password"))

    def _is_refused(self) -> bool:
        try:
            psycopg.connect(self.stack.direct_url(), connect_timeout=5).close()
        except psycopg.OperationalError as error:
            return "password authentication failed" in str(error)
        return False

    def _set(self, password: str) -> None:
        with self.stack.superuser() as connection:
            set_password(connection, "ALTER ROLE {} PASSWORD {}", role=ROLE, password=password)
