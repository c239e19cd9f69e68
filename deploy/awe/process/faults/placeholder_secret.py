"""Tokens are signed with a word from the documentation, so that anybody can make one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import jwt

from deploy.awe.process.errors import ApiUnreachable
from deploy.awe.process.faults.fault import Fault, keep, put_back
from deploy.awe.process.layout import read_environment, write_environment

PLACEHOLDER = "changeme-changeme-changeme-changeme"


class PlaceholderSecret(Fault):
    """Everything works, for strangers, too."""

    slug: ClassVar[str] = "placeholder-secret"
    title: ClassVar[str] = "JWT_SECRET_KEY of api and worker is a placeholder"

    def inject(self) -> None:
        """Put the placeholder into both environment files and restart both."""
        keep(self._files, notes=self.notes)
        for path in self._files:
            write_environment(path, {**read_environment(path), "JWT_SECRET_KEY": PLACEHOLDER})
        self._restart()

    def is_broken(self) -> bool:
        """The api takes a token that was signed with the placeholder, by us."""
        return takes_forged_token(self)

    def mend(self) -> None:
        """Put the environment files back and restart both."""
        put_back(self._files, notes=self.notes)
        self._restart()

    @property
    def _files(self) -> list[Path]:
        services = self.stack.settings.services
        return [self.stack.layout.environment(name) for name in (services.api, services.worker)]

    def _restart(self) -> None:
        for name in (self.stack.settings.services.api, self.stack.settings.services.worker):
            self.stack.restart(name)


def takes_forged_token(fault: Fault) -> bool:
    """Tell whether the api believes a token that we signed."""
    now = datetime.now(UTC)
    claims = {"sub": "admin", "role": "admin", "iss": "awe-api", "iat": now, "exp": now + timedelta(minutes=1)}
    token = jwt.encode(claims, PLACEHOLDER, algorithm="HS256")
    try:
        return fault.stack.client().get("/auth/me", token=token).status == 200
    except ApiUnreachable:
        return False
