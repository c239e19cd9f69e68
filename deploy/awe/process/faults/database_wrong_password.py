"""The application's password was changed in the database only."""

from __future__ import annotations

import secrets
from typing import ClassVar

from deploy.awe.process.environments import ROLE
from deploy.awe.process.errors import ApiUnreachable
from deploy.awe.process.faults.fault import Fault
from deploy.awe.process.passwords import set_password


class DatabaseWrongPassword(Fault):
    """The database refuses the application's login."""

    slug: ClassVar[str] = "database-wrong-password"
    title: ClassVar[str] = f"the password of the role {ROLE} was changed in the database only"

    def inject(self) -> None:
        """Give the role a password that nobody knows."""
        self._set(secrets.token_urlsafe(24))

    def is_broken(self) -> bool:
        """The api says that its login is refused."""
        try:
            answer = self.stack.client().get("/health")
        except ApiUnreachable:
            return False
        error = answer.body["checks"]["database"].get("error", "")
        return answer.status == 503 and "password authentication failed" in error

    def mend(self) -> None:
        """Give the role the password that the application has."""
        self._set(self.stack.layout.secret("database_password"))

    def _set(self, password: str) -> None:
        with self.stack.superuser() as connection:
            set_password(connection, "ALTER ROLE {} PASSWORD {}", role=ROLE, password=password)
