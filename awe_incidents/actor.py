"""Who did it: a pure value that every operation takes as `by=`."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, a service of ours or the operating-system user of a command, and by what means they came."""

    kind: str  # "user", "service" or "command"
    name: str
    user_id: int | None = None
    token_prefix: str = ""  # which API token, by its public prefix
    address: str = ""  # network address as seen by the web server
    on_behalf_of: str = ""

    def __str__(self) -> str:
        """Give `kind:name`, the form of the trail and of logs."""
        return f"{self.kind}:{self.name}"


def service(name: str) -> Actor:
    """Give the actor for one of our own processes (worker, sweeper, scheduler)."""
    return Actor(kind="service", name=name)


def command(name: str) -> Actor:
    """Give the actor for a management command, named by the operating-system user that ran it."""
    return Actor(kind="command", name=name)


def operating_system_user() -> str:
    """Give the name of the user that runs this process; its number where there is none, as in containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"
