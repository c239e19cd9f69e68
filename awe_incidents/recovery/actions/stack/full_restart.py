"""Stop every container of a stack and start them again, in the order of their dependencies.

Those on which others depend are stopped last and started first; each is waited for until it is healthy before the next
is started. The same containers run again: images, environment, networks and volumes stay, so changed compose files
(such as the one for mutual TLS) are not applied; `stack.apply_compose` does that.
Nothing is served meanwhile. What the stack's description does not name is not touched.

At most once: before the first is stopped, a container that is never started takes the step's token as its name, which
the engine refuses a second time, and nothing is stopped unless all are those that were approved. It is one step, so
that nobody can cancel it half-way. Verified by the engine's word on each container and, for databases behind a pooler,
by a query through it. Of a lost worker the start times tell: all started anew is well, some of them is not (restart
those with `service.restart`), none is for a person to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from graphlib import CycleError
from typing import Any, ClassVar

from awe_incidents.recovery.actions.base import (
    WHOLE_STACK,
    Acting,
    Action,
    AlreadyDone,
    Doing,
    Plan,
    Probed,
    Step,
    Verified,
)
from awe_incidents.recovery.actions.containers import NO_CONTAINERS, check_approved
from awe_incidents.recovery.actions.ordering import (
    facts_of,
    in_order,
    is_well,
    settled,
    unanswered,
    wait_until_well,
    words_of,
)
from awe_incidents.recovery.actions.parameters import Parameters, parameter
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.actions.traces import Trace
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.probes.engine import Seen
from diagnostics.stack import StackConfig

CALL_MARGIN_SECONDS = 15
STOPPED_AND_STARTED = frozenset({"kill", "die", "stop", "start"})  # in the engine's words
HEALTHY_SECONDS = 90.0


@dataclass(frozen=True, kw_only=True)
class FullRestartParameters(Parameters):
    """How patiently."""

    grace_seconds: int = parameter("How long each may take to stop by itself.", default=10, minimum=0, maximum=120)


@dataclass(frozen=True, kw_only=True)
class FullRestart(Action[FullRestartParameters]):
    """Every container that the stack describes."""

    slug: ClassVar[str] = "stack.full_restart"
    title: ClassVar[str] = "Restart every service of a stack"
    tier: ClassVar[int] = 2
    parameters: ClassVar[type[Any]] = FullRestartParameters

    def not_applicable(self, stack: StackConfig, parameters: FullRestartParameters) -> str | None:
        """Apply only to containers that can be put in order."""
        if stack.engine is None:
            return NO_CONTAINERS
        try:
            in_order(stack)
        except CycleError:
            return "its services depend on each other in a circle, so there is no order to start them in"
        return None

    def target(self, stack: StackConfig, parameters: FullRestartParameters) -> str:
        """Lock everything."""
        return WHOLE_STACK

    def fingerprint(self, site: Site, parameters: FullRestartParameters) -> Mapping[str, Any]:
        """Give each container with its image and when it was started, in the order of starting."""
        found = _containers(site)
        if not found:
            raise ActionNotApplicable("the engine has no container of these services")
        return {"containers": [facts_of(one) for one in found]}

    def plan(self, acting: Acting[FullRestartParameters]) -> Plan:
        """Say what is lost."""
        known = {one["service"] for one in _facts(acting)}
        without = [name for name in in_order(acting.site.stack) if name not in known]
        warnings = ["what changed in compose files or their environment is not applied; stack.apply_compose does that"]
        if without:
            warnings.append(f"these have no container now and get none: {', '.join(without)}")
        return Plan(
            destroys=("every request and connection, and what services hold in memory only",),
            way_back="none is needed: the same containers run again; service.restart starts one that stayed down",
            warnings=tuple(warnings),
        )

    def prechecks(self, acting: Acting[FullRestartParameters]) -> Iterator[str]:
        """Refuse what cannot be stopped."""
        for one in _containers(acting.site):
            if one.status in {"paused", "removing", "dead"}:
                yield f"container {one} is {one.status}, so it cannot be restarted"

    def steps(self, acting: Acting[FullRestartParameters]) -> Sequence[Step]:
        """Give the one step."""
        order = ", ".join(dict.fromkeys(one["service"] for one in _facts(acting)))
        return [
            Step("restart", f"Stop all, the last first, and start in this order: {order}", partial(_restart, acting))
        ]

    def traces(
        self, stack: StackConfig, parameters: FullRestartParameters, facts: Mapping[str, Any]
    ) -> Sequence[Trace]:
        """Show that each container is stopped and started once."""
        return [
            Trace(actions=STOPPED_AND_STARTED, container=one["container"], shows="start") for one in facts["containers"]
        ]

    def verify(self, acting: Acting[FullRestartParameters]) -> Verified:
        """See that each was started anew and is healthy, and ask through poolers."""
        old = {one["container"]: one["started_at"] for one in _facts(acting)}
        now = settled(partial(_containers, acting.site), seconds=HEALTHY_SECONDS)
        wrong = [f"{one} {words_of(one)}" for one in now if not is_well(one) or one.started_at == old.get(one.id)]
        wrong += [f"{len(old) - len(now)} containers are gone"] if len(now) < len(old) else []
        wrong = wrong or unanswered(acting.site)
        text = "; ".join(wrong) or f"{len(now)} containers were started anew and are well"
        before = {one["service"]: one["started_at"] for one in _facts(acting)}
        return Verified(is_good=not wrong, text=text, before=before, after={one.service: one.started_at for one in now})

    def probe(self, acting: Acting[FullRestartParameters]) -> Probed:
        """Compare when each was started."""
        old = {one["container"]: one["started_at"] for one in _facts(acting)}
        now = _containers(acting.site)
        anew = [one for one in now if one.status == "running" and one.started_at != old.get(one.id)]
        if len(anew) == len(now) == len(old):
            return Probed.FINISHED_WELL
        stopped = [one for one in now if one.status != "running"]
        return Probed.FINISHED_BADLY if anew or stopped else Probed.CANNOT_TELL


def _restart(acting: Acting[FullRestartParameters], doing: Doing) -> None:
    grace_seconds = acting.parameters.grace_seconds
    with acting.site.engine(seconds=grace_seconds + CALL_MARGIN_SECONDS) as engine:
        if not engine.take_name(doing.token, image=_facts(acting)[0]["image"]):
            raise AlreadyDone(f"the engine knows {doing.token}: this step was started before")
        containers = _containers(acting.site)
        check_approved(acting, {"containers": [facts_of(one) for one in containers]})
        for one in reversed(containers):
            doing.check()
            engine.stop(one, grace_seconds=grace_seconds)
            doing.say(f"stopped {one}")
        for one in containers:
            doing.check()
            engine.start(one)
            came = wait_until_well(partial(_now, acting.site, one), doing, seconds=HEALTHY_SECONDS)
            doing.say(f"started {one}" + ("" if came else f", which is not well after {HEALTHY_SECONDS:g} s"))


def _containers(site: Site) -> list[Seen]:
    """Give the containers of described services as they are now, in the order of starting."""
    found = site.surroundings.containers(anew=True)
    return [one for name in in_order(site.stack) for one in sorted(found.get(name, ()), key=lambda one: one.id)]


def _now(site: Site, container: Seen) -> Seen | None:
    return next((one for one in _containers(site) if one.id == container.id), None)


def _facts(acting: Acting[FullRestartParameters]) -> list[dict[str, str]]:
    return list(acting.facts["containers"])
