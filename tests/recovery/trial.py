"""One action on a real target: planned as the service plans it, each step run with a token of its own."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from awe_incidents.recovery.actions.base import Acting, Action, Doing, Plan, Probed, Verified
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.operations.planning import planned


@dataclass
class Trial:
    """An action, and what came of it."""

    action: Action[Any]
    acting: Acting[Any]
    tokens: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    token: str = field(default_factory=lambda: f"awe-trial-{secrets.token_hex(6)}")

    @classmethod
    def planned(cls, site: Site, slug: str, **document: Any) -> Trial:
        """Plan an action. Raises: whatever a requester would be told."""
        plan = planned(site, slug=slug, document=document)
        return cls(plan.action, plan.acting)

    @property
    def plan(self) -> Plan:
        return self.action.plan(self.acting)

    def run(self) -> Verified:
        """Go through prechecks, steps and verification."""
        assert list(self.action.prechecks(self.acting)) == []
        self.run_steps()
        return self.action.verify(self.acting)

    def run_steps(self, *, only: str = "", check: Callable[[], None] = lambda: None) -> None:
        for number, step in enumerate(self.action.steps(self.acting), 1):
            if only in {"", step.key}:
                token = f"{self.token}-{number}"
                self.tokens.append(token)
                step.run(Doing(token=token, say=self.said.append, check=check))

    def probe(self) -> Probed:
        return self.action.probe(self.acting)
