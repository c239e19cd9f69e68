"""Restart the container of a pooler.

As `service.restart` does, for a service whose role is pooler: every connection of its clients and to its databases is
closed, what runs through them fails, and clients connect again. Often `pooler.reconnect` does, which costs nothing.

At most once and a lost worker: as `service.restart`. Verified by the engine's word, and by a query through the pooler
with the application's login for each database that is described behind it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import ClassVar

from awe_incidents.recovery.actions.base import Acting, Plan, Verified
from awe_incidents.recovery.actions.pooler.reconnect import answer_through
from awe_incidents.recovery.actions.service.restart import RestartParameters, RestartService
from diagnostics.stack import StackConfig

ROLE = "pooler"
ANSWER_SECONDS = 30.0
PAUSE_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class RestartPooler(RestartService):
    """One pooler's container."""

    slug: ClassVar[str] = "pooler.restart"
    title: ClassVar[str] = "Restart a pooler"

    def not_applicable(self, stack: StackConfig, parameters: RestartParameters) -> str | None:
        """Apply only to a pooler in a container."""
        if why := super().not_applicable(stack, parameters):
            return why
        role = stack.services[parameters.service].role
        return None if role == ROLE else f"service {parameters.service} is {role}, no pooler; use service.restart"

    def plan(self, acting: Acting[RestartParameters]) -> Plan:
        """Say what a restart costs those behind it."""
        service = acting.parameters.service
        lost = f"every connection through {service}, and the transactions open in them: they are rolled back"
        return replace(super().plan(acting), destroys=(lost,))

    def verify(self, acting: Acting[RestartParameters]) -> Verified:
        """Ask through it, once the engine finds it well."""
        verified = super().verify(acting)
        behind = [
            name
            for name, one in sorted(acting.site.stack.databases.items())
            if one.pooler and one.pooler.service == acting.parameters.service
        ]
        failed = [answer for name in behind if (answer := _answer(acting, name))]
        text = "; ".join(
            [verified.text, *(failed or [f"queries to {', '.join(behind)} are answered"] if behind else [])]
        )
        return replace(verified, is_good=verified.is_good and not failed, text=text)


def _answer(acting: Acting[RestartParameters], name: str) -> str:
    """Give it some time: a server that was just logged in to may refuse the next login for a moment."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while (answer := answer_through(acting.site, name)) and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
    return answer
