"""Restart the container of one service.

Stops the container (its stop signal, and by force after the grace) and starts the same one again: image, environment,
networks and volumes stay as they are, so a changed compose file is not applied. Requests that it serves at that moment
fail. A service that is a process is told to end, and by force after the grace; what supervises it starts it again
(`supervised` and `pid_file` in the description). Other processes, and servers of databases, are restarted by what
started them.

At most once: before the restart a container that is never started takes the step's token as its name, which the engine
refuses a second time, and a container that is not the one that was approved is left alone; of a process only the one
that was approved is told to end, by its number and the time when it began. Verified by the engine's word that the
container was started anew and, where it has a health check, that it is healthy; of a process, that another one runs and
goes on doing so. Of a lost worker nobody can tell while neither was started anew, as the engine or the process may
still be at it: a person says how that ended. A container that ran and has been down for half a minute, as after an
engine that ended in between, was stopped and not started.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

import psutil

from awe_incidents.recovery.actions.base import Acting, Action, AlreadyDone, Doing, Plan, Probed, Step, Verified
from awe_incidents.recovery.actions.containers import before_any_effect, check_approved
from awe_incidents.recovery.actions.ordering import identity_of
from awe_incidents.recovery.actions.parameters import Parameters, parameter
from awe_incidents.recovery.actions.processes import born, other_process, restart_process
from awe_incidents.recovery.actions.site import CALL_SECONDS, Site
from awe_incidents.recovery.actions.traces import Trace
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.probes.engine import Seen, opened
from diagnostics.probes.errors import ProcessUnknown
from diagnostics.stack import StackConfig

CALL_MARGIN_SECONDS = 15
RESTARTED = frozenset({"kill", "die", "stop", "start", "restart"})  # in the engine's words
HEALTHY_SECONDS = 60.0
STAYS_DOWN_SECONDS = 30.0  # an engine that restarts a container starts it as soon as it has stopped
PAUSE_SECONDS = 0.5
STEADY_SECONDS = 2.0  # what ends at its start has ended by then
NOT_APPLIED = "what changed in the compose file or its environment is not applied by a restart"
STARTS_AGAIN = "what supervises the process has to start it again, by the description it does"


@dataclass(frozen=True, kw_only=True)
class RestartParameters(Parameters):
    """Which service, and how patiently."""

    service: str = parameter("Name of the service in the stack's description.")
    grace_seconds: int = parameter("How long it may take to stop by itself.", default=10, minimum=0, maximum=120)


@dataclass(frozen=True, kw_only=True)
class RestartService(Action[RestartParameters]):
    """One container, by the engine; or one process, by what supervises it."""

    slug: ClassVar[str] = "service.restart"
    title: ClassVar[str] = "Restart a service"
    tier: ClassVar[int] = 1
    version: ClassVar[int] = 2
    parameters: ClassVar[type[Any]] = RestartParameters

    def not_applicable(self, stack: StackConfig, parameters: RestartParameters) -> str | None:
        """Apply only to a described service in a container, or to a process that something starts again."""
        described = stack.services.get(parameters.service)
        if described is None:
            return f"stack {stack.name} has no service {parameters.service}; known: {', '.join(sorted(stack.services))}"
        if stack.engine is not None or (described.supervised and described.pid_file and described.role != "database"):
            return None
        return (
            "its services are no containers, and it is not described as supervised, with a pid_file, and no database;"
            " restart the process by what started it, and record that"
        )

    def target(self, stack: StackConfig, parameters: RestartParameters) -> str:
        """Lock the service."""
        return parameters.service

    def fingerprint(self, site: Site, parameters: RestartParameters) -> Mapping[str, Any]:
        """Give the container, its image, when it was started and whether it runs; or the process, and when it began."""
        if site.stack.engine is None:
            return {"process": born(site, parameters.service)}
        return _facts_of(_container(site, parameters.service))

    def plan(self, acting: Acting[RestartParameters]) -> Plan:
        """Say what a restart costs."""
        return Plan(
            destroys=(f"requests and connections that {acting.parameters.service} serves at that moment",),
            way_back="none is needed: the same program runs again",
            warnings=(NOT_APPLIED,) if acting.site.stack.engine is not None else (STARTS_AGAIN,),
        )

    def steps(self, acting: Acting[RestartParameters]) -> Sequence[Step]:
        """Give the one step."""
        service = acting.parameters.service
        if acting.site.stack.engine is None:
            number = acting.facts["process"].partition(" ")[0]
            return [Step("restart", f"Restart process {number} of service {service}", partial(_end_process, acting))]
        title = f"Restart container {acting.facts['container'][:12]} of service {service}"
        return [Step("restart", title, partial(_restart, acting))]

    def traces(self, stack: StackConfig, parameters: RestartParameters, facts: Mapping[str, Any]) -> Sequence[Trace]:
        """Show one restart of that container; nothing where there is no engine."""
        if "container" not in facts:
            return []
        return [Trace(actions=RESTARTED, container=facts["container"], shows="restart")]

    def prechecks(self, acting: Acting[RestartParameters]) -> Iterator[str]:
        """Refuse a paused container, which cannot be stopped."""
        if acting.site.stack.engine is None:
            return
        status = _container(acting.site, acting.parameters.service).status
        if status in {"paused", "removing", "dead"}:
            yield f"the container is {status}, so it cannot be restarted"

    def verify(self, acting: Acting[RestartParameters]) -> Verified:
        """Wait until the container runs, was started anew and is healthy; or another process goes on running."""
        if acting.site.stack.engine is None:
            return _process_verified(acting)
        deadline = time.monotonic() + HEALTHY_SECONDS
        while True:
            container = _container(acting.site, acting.parameters.service)
            is_new, health = container.started_at != acting.facts["started_at"], _health(container)
            is_good = is_new and container.status == "running" and health in {"", "healthy"}
            if is_good or health == "unhealthy" or time.monotonic() > deadline:
                after = {"status": container.status, "started_at": container.started_at, "health": health}
                text = f"container {container} is {container.status}" + (f" and {health}" if health else "")
                return Verified(is_good=is_good, text=text, before=dict(acting.facts), after=after)
            time.sleep(PAUSE_SECONDS)

    def probe(self, acting: Acting[RestartParameters]) -> Probed:
        """Compare when the container was started, and see whether it stays down; or which process it is."""
        if acting.site.stack.engine is None:
            return _process_probed(acting)
        container = _container(acting.site, acting.parameters.service)
        if container.id != acting.facts["container"]:
            return Probed.CANNOT_TELL
        if container.started_at != acting.facts["started_at"]:
            return Probed.FINISHED_WELL if container.status == "running" else Probed.FINISHED_BADLY
        if acting.facts.get("is_running") and _down_seconds(acting.site, container) > STAYS_DOWN_SECONDS:
            return Probed.FINISHED_BADLY
        return Probed.CANNOT_TELL  # a restart that the engine still carries out looks like none


def _restart(acting: Acting[RestartParameters], doing: Doing) -> None:
    grace_seconds = acting.parameters.grace_seconds
    with acting.site.engine(seconds=grace_seconds + CALL_MARGIN_SECONDS) as engine:
        if not engine.take_name(doing.token, image=acting.facts["image"]):
            raise AlreadyDone(f"the engine knows {doing.token}: this step was started before")
        with before_any_effect():
            container = _container(acting.site, acting.parameters.service)
        check_approved(acting, _facts_of(container))
        doing.check()
        engine.restart(container, grace_seconds=grace_seconds)
    doing.say(f"restarted container {container}")


def _end_process(acting: Acting[RestartParameters], doing: Doing) -> None:
    service, grace_seconds = acting.parameters.service, float(acting.parameters.grace_seconds)
    expected = acting.facts["process"]
    now = restart_process(acting.site, service, check=doing.check, expected=expected, grace_seconds=grace_seconds)
    doing.say(f"process {expected.partition(' ')[0]} of {service} ended, and process {now.partition(' ')[0]} began")


def _process_verified(acting: Acting[RestartParameters]) -> Verified:
    service, before = acting.parameters.service, acting.facts["process"]
    first = other_process(acting.site, service, before)
    time.sleep(STEADY_SECONDS)
    now = other_process(acting.site, service, before)
    is_good = bool(now) and now == first
    text = f"service {service} is process {now.partition(' ')[0]} now"
    if not is_good:
        text = f"service {service} does not stay up" if first or now else f"service {service} was not started again"
    return Verified(is_good=is_good, text=text, before={"process": before}, after={"process": now})


def _process_probed(acting: Acting[RestartParameters]) -> Probed:
    service, before = acting.parameters.service, acting.facts["process"]
    try:
        is_same = born(acting.site, service) == before
    except (ProcessUnknown, psutil.NoSuchProcess):
        return Probed.CANNOT_TELL  # it may be started again at any moment
    return Probed.CANNOT_TELL if is_same else Probed.FINISHED_WELL


def _container(site: Site, service: str) -> Seen:
    found = list(site.surroundings.containers(anew=True).get(service, ()))
    if len(found) != 1:
        raise ActionNotApplicable(f"service {service} has {len(found)} containers; this action takes exactly one")
    return found[0]


def _facts_of(container: Seen) -> dict[str, Any]:
    return {**identity_of(container), "is_running": container.status == "running"}


def _down_seconds(site: Site, container: Seen) -> float:
    """Give for how long a container has not been running, by the engine's clock; 0 where it runs."""
    if container.status != "exited" or site.stack.engine is None:
        return 0.0
    with opened(site.stack.engine, seconds=CALL_SECONDS, root=site.stack.root) as engine:
        now, ended = (_moment(one) for one in (engine.info().get("SystemTime"), container.state.get("FinishedAt")))
    return (now - ended).total_seconds()


def _moment(said: object) -> datetime:
    at = datetime.fromisoformat(str(said))
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _health(container: Seen) -> str:
    return str((container.state.get("Health") or {}).get("Status", "")).replace("none", "")
