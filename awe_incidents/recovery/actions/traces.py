"""What an engine shows of an action: which events, of which containers, and how often (pure).

Reconciliation compares it with the engine's events: what nothing here allows was never approved, and an execution that
says it is done while the engine shows nothing of what it `shows` was never executed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

EXEC = "exec_start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Events of one container, of each container of a service, or of the whole stack."""

    actions: frozenset[str] | None = None  # in the engine's words; None: any
    service: str = ""  # "": any
    container: str = ""  # "": any
    command: str = ""  # of an exec, as the engine joins its words; "": any
    times: int | None = 1  # each of them, of one container; None: as often as it likes
    shows: str = ""  # the one that is always there when the effect was; "": none

    def fits(self, action: str, service: str, container: str, command_digest: str) -> bool:
        """Say whether an event is one of these."""
        return (
            (self.actions is None or action in self.actions)
            and self.service in {"", service}
            and self.container in {"", container}
            and (action != EXEC or not self.command or digest_of_command(self.command) == command_digest)
        )


def anything_on(target: str) -> Trace:
    """Give whatever may happen to a target: the service that it names, or with "" the stack, compose and all."""
    return Trace(service=target.partition("/")[0], times=None)


def exec_once(service: str, *words: str) -> Trace:
    """Give one program that is run inside a service's container."""
    return Trace(actions=frozenset({EXEC}), service=service, command=" ".join(words), shows=EXEC)


def digest_of_command(command: str) -> str:
    """Give by what a command is known again, as it may hold a secret; "" without one."""
    return hashlib.sha256(command.strip().encode()).hexdigest() if command.strip() else ""
