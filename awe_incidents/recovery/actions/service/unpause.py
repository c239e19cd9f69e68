"""Let the paused container of a service go on.

Its processes stood still and go on where they were; nothing is restarted, and what clients sent meanwhile is answered
where they still wait. Ask first who paused it: somebody may be copying its data. Only for stacks in containers.

At most once: before it goes on, a container that is never started takes the step's token as its name, which the engine
refuses a second time, and a container that is not the one that was approved is left alone. Verified by the engine's
word that it runs, is the same start of the same container and, where it has a health check, is healthy. Of a lost
worker that word tells, too, once it runs; while it is paused nobody can tell, as the call may be on its way: a person
says how that ended.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from awe_incidents.recovery.actions.base import Acting, Action, AlreadyDone, Doing, Plan, Probed, Step, Verified
from awe_incidents.recovery.actions.containers import (
    NO_CONTAINERS,
    before_any_effect,
    check_approved,
    one_container,
)
from awe_incidents.recovery.actions.ordering import identity_of
from awe_incidents.recovery.actions.parameters import Parameters, parameter
from awe_incidents.recovery.actions.site import CALL_SECONDS, Site
from awe_incidents.recovery.actions.traces import Trace
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.probes.engine import Seen
from diagnostics.stack import StackConfig

HEALTHY_SECONDS = 60.0
PAUSE_SECONDS = 0.5
PAUSED, RUNNING = "paused", "running"


@dataclass(frozen=True, kw_only=True)
class UnpauseParameters(Parameters):
    """Which service."""

    service: str = parameter("Name of the service in the stack's description.")


@dataclass(frozen=True, kw_only=True)
class UnpauseService(Action[UnpauseParameters]):
    """One container, by the engine."""

    slug: ClassVar[str] = "service.unpause"
    title: ClassVar[str] = "Let a paused service go on"
    tier: ClassVar[int] = 1
    parameters: ClassVar[type[Any]] = UnpauseParameters

    def not_applicable(self, stack: StackConfig, parameters: UnpauseParameters) -> str | None:
        """Apply only to a described service in a container."""
        if parameters.service not in stack.services:
            return f"stack {stack.name} has no service {parameters.service}; known: {', '.join(sorted(stack.services))}"
        return NO_CONTAINERS if stack.engine is None else None

    def target(self, stack: StackConfig, parameters: UnpauseParameters) -> str:
        """Lock the service."""
        return parameters.service

    def fingerprint(self, site: Site, parameters: UnpauseParameters) -> Mapping[str, Any]:
        """Give the container, its image and when it was started."""
        return identity_of(_paused(site, parameters.service))

    def plan(self, acting: Acting[UnpauseParameters]) -> Plan:
        """Say whom it may disturb."""
        return Plan(
            way_back="docker pause, with the container's name",
            warnings=("somebody may have paused it on purpose, to copy its data say: ask first",),
        )

    def steps(self, acting: Acting[UnpauseParameters]) -> Sequence[Step]:
        """Give the one step."""
        title = f"Let container {acting.facts['container'][:12]} of service {acting.parameters.service} go on"
        return [Step("unpause", title, partial(_unpause, acting))]

    def traces(self, stack: StackConfig, parameters: UnpauseParameters, facts: Mapping[str, Any]) -> Sequence[Trace]:
        """Show that the container went on."""
        return [Trace(actions=frozenset({"unpause"}), container=facts["container"], shows="unpause")]

    def verify(self, acting: Acting[UnpauseParameters]) -> Verified:
        """Wait until it runs and is healthy."""
        deadline = time.monotonic() + HEALTHY_SECONDS
        while True:
            container = one_container(acting.site, acting.parameters.service)
            health = str((container.state.get("Health") or {}).get("Status", "")).replace("none", "")
            is_good = _is_same(acting, container) and container.status == RUNNING and health in {"", "healthy"}
            if is_good or time.monotonic() > deadline:
                text = f"container {container} is {container.status}" + (f" and {health}" if health else "")
                after = {"status": container.status, "started_at": container.started_at, "health": health}
                return Verified(is_good=is_good, text=text, before={"status": PAUSED, **acting.facts}, after=after)
            time.sleep(PAUSE_SECONDS)

    def probe(self, acting: Acting[UnpauseParameters]) -> Probed:
        """Look whether it is still paused."""
        container = one_container(acting.site, acting.parameters.service)
        if not _is_same(acting, container) or container.status == PAUSED:
            return Probed.CANNOT_TELL  # a worker that was stopped may let it go on yet
        return Probed.FINISHED_WELL if container.status == RUNNING else Probed.FINISHED_BADLY


def _unpause(acting: Acting[UnpauseParameters], doing: Doing) -> None:
    with acting.site.engine(seconds=CALL_SECONDS) as engine:
        if not engine.take_name(doing.token, image=acting.facts["image"]):
            raise AlreadyDone(f"the engine knows {doing.token}: this step was started before")
        with before_any_effect():
            container = _paused(acting.site, acting.parameters.service)
        check_approved(acting, identity_of(container))
        doing.check()
        engine.unpause(container)
    doing.say(f"container {container} goes on")


def _paused(site: Site, service: str) -> Seen:
    container = one_container(site, service)
    if container.status != PAUSED:
        raise ActionNotApplicable(f"container {container} is {container.status}, not paused")
    return container


def _is_same(acting: Acting[UnpauseParameters], container: Seen) -> bool:
    facts = acting.facts
    return (container.id, container.started_at) == (facts["container"], facts["started_at"])
