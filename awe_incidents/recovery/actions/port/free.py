"""Stop whoever else has the port that a service is to have.

Finds the containers and processes that hold it, names each in the plan, and stops exactly those: a container by its
engine (its stop signal, and by force after the grace), a process by SIGTERM to the one that stands above all that share
the socket, and SIGKILL after the grace to what is left of it. What a systemd unit started comes back by that; the plan
names the unit to stop. Never stopped are process 1, this service's own processes, and services of the stack. The
service that is to have the port is not started: `service.restart` does, or its own supervisor.

At most once: a container that holds it is stopped after another one, never started, took the step's token as its name,
which the engine refuses a second time. A process is known by number, start and boot, and is told by a handle that no
later process of its number inherits, so that a second time tells nobody. Verified by the kernel's and the engine's
lists and by a connection to the port: the service itself answers, or nobody. Of a lost worker those lists tell: nobody
else is there any more, or, where all still are, a person says, as they may be stopping.
"""

from __future__ import annotations

import select
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from os import close, kill, pidfd_open
from typing import Any, ClassVar

from awe_incidents.recovery.actions.base import (
    Acting,
    Action,
    ActionFailed,
    AlreadyDone,
    Doing,
    Plan,
    Probed,
    Step,
    Verified,
)
from awe_incidents.recovery.actions.parameters import Parameters, parameter
from awe_incidents.recovery.actions.port_holders import (
    CONTAINER,
    PROCESS,
    Holder,
    holders_of,
    is_there,
    named,
    place_of,
)
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.actions.traces import Trace
from awe_incidents.recovery.errors import ActionNotApplicable
from diagnostics.checks.port_owners import EVERYWHERE
from diagnostics.probes import host
from diagnostics.stack import StackConfig

CALL_MARGIN_SECONDS = 15
KILLED_SECONDS = 5.0
RETURN_SECONDS = 1.5  # systemd waits for 0.1 s before it starts a unit again
CONNECT_SECONDS = 2.0
STOPPED = frozenset({"kill", "die", "stop"})  # in the engine's words
LOOK_SECONDS = 1.0  # how often the lease is looked at meanwhile


@dataclass(frozen=True, kw_only=True)
class FreePortParameters(Parameters):
    """Which port of which service, and how patiently."""

    service: str = parameter("Name of the service that is to have the port.")
    port: int = parameter("The TCP port.", minimum=1, maximum=65535)
    grace_seconds: int = parameter("How long each may take to stop by itself.", default=10, minimum=0, maximum=120)


@dataclass(frozen=True, kw_only=True)
class FreePort(Action[FreePortParameters]):
    """Everybody on one port but its service."""

    slug: ClassVar[str] = "port.free"
    title: ClassVar[str] = "Stop who has a service's port"
    tier: ClassVar[int] = 2
    parameters: ClassVar[type[Any]] = FreePortParameters

    def not_applicable(self, stack: StackConfig, parameters: FreePortParameters) -> str | None:
        """Apply only to a described service."""
        if parameters.service in stack.services:
            return None
        return f"stack {stack.name} has no service {parameters.service}; known: {', '.join(sorted(stack.services))}"

    def target(self, stack: StackConfig, parameters: FreePortParameters) -> str:
        """Lock the service."""
        return parameters.service

    def fingerprint(self, site: Site, parameters: FreePortParameters) -> Mapping[str, Any]:
        """Give who has it: containers by id and start, processes by number, start and boot."""
        found = holders_of(site, place_of(site, parameters.service, parameters.port))
        if not found:
            raise ActionNotApplicable(f"nobody else has port {parameters.port} of {parameters.service}")
        return {"holders": found}

    def plan(self, acting: Acting[FreePortParameters]) -> Plan:
        """Say who is stopped, who comes back, and how to start them again."""
        holders = _holders(acting)
        return Plan(
            destroys=tuple(f"what {named(one)} serves and has not written down" for one in holders),
            way_back="; ".join(map(_way_back, holders)),
            warnings=(
                *(warning for one in holders if (warning := _warning(one))),
                f"{acting.parameters.service} itself is not started by this: service.restart does, or its supervisor",
            ),
        )

    def prechecks(self, acting: Acting[FreePortParameters]) -> Iterator[str]:
        """See that this user may tell them to stop."""
        for one in _holders(acting):
            if one["kind"] == PROCESS:
                try:
                    kill(one["pid"], 0)
                except ProcessLookupError:
                    continue
                except PermissionError:
                    yield f"{named(one)} is of another user, so it cannot be told to stop from here"

    def steps(self, acting: Acting[FreePortParameters]) -> Sequence[Step]:
        """Give one step for each."""
        stops = {CONTAINER: _stop_container, PROCESS: _stop_process}
        return [
            Step(f"stop-{number}", f"Stop {named(one)}", partial(stops[one["kind"]], acting, one))
            for number, one in enumerate(_holders(acting), 1)
        ]

    def traces(self, stack: StackConfig, parameters: FreePortParameters, facts: Mapping[str, Any]) -> Sequence[Trace]:
        """Show that its containers were stopped, but for those that were so by then; of processes nothing."""
        containers = [one["id"] for one in facts["holders"] if one["kind"] == CONTAINER]
        return [Trace(actions=STOPPED, container=one) for one in containers]

    def verify(self, acting: Acting[FreePortParameters]) -> Verified:
        """Give them time to come back, then look who has it, and connect."""
        time.sleep(RETURN_SECONDS)
        left = [named(one) for one in _holders(acting) if is_there(acting.site, one)]
        again, who = _others(acting), _answers(acting)
        wrong = [f"{one} is still there" for one in left] + [f"{one} has it now" for one in again if one not in left]
        is_good = not wrong and who in {"", acting.parameters.service}
        said = f"port {acting.parameters.port} is " + (f"answered by {who}" if who else "free")
        after = {"left": left, "others": again, "answered_by": who}
        return Verified(is_good=is_good, text="; ".join([*wrong, said]), before=dict(acting.facts), after=after)

    def probe(self, acting: Acting[FreePortParameters]) -> Probed:
        """Look who of them is there."""
        holders = _holders(acting)
        left = [one for one in holders if is_there(acting.site, one)]
        if len(left) == len(holders):
            return Probed.CANNOT_TELL  # they may be stopping
        return Probed.FINISHED_BADLY if left or _others(acting) else Probed.FINISHED_WELL


def _stop_container(acting: Acting[FreePortParameters], holder: Holder, doing: Doing) -> None:
    site, grace_seconds = acting.site, acting.parameters.grace_seconds
    if not is_there(site, holder):
        doing.say(f"{named(holder)} has stopped by itself, or was started anew")
        return
    seen = site.surroundings.engine().any_container(holder["id"])
    with site.engine(seconds=grace_seconds + CALL_MARGIN_SECONDS) as engine:
        if not engine.take_name(doing.token, image=seen.image):
            raise AlreadyDone(f"the engine knows {doing.token}: this step was started before")
        doing.check()
        engine.stop(seen, grace_seconds=grace_seconds)
    doing.say(f"stopped {named(holder)}")


def _stop_process(acting: Acting[FreePortParameters], holder: Holder, doing: Doing) -> None:
    """Tell the process by a handle that was opened before its start was compared."""
    with ExitStack() as closing:
        handles = {one["pid"]: handle for one in holder["family"] if (handle := _handle(one, holder, closing))}
        if not handles:
            doing.say(f"{named(holder)} has ended by itself")
            return
        told = [handles[holder["pid"]]] if holder["pid"] in handles else list(handles.values())
        doing.check()
        try:
            for handle in told:
                with suppress(ProcessLookupError):  # it ended between the two
                    signal.pidfd_send_signal(handle, signal.SIGTERM)
        except PermissionError:
            raise ActionFailed(f"{named(holder)} is of another user") from None
        left = _wait(handles.values(), acting.parameters.grace_seconds, doing)
        for handle in left:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        if _wait(left, KILLED_SECONDS, doing):
            raise RuntimeError(f"{named(holder)} was killed and does not end")
    doing.say(f"{named(holder)} has ended" + (", killed after the grace" if left else ""))


def _handle(one: Mapping[str, int], holder: Holder, closing: ExitStack) -> int | None:
    try:
        handle = pidfd_open(one["pid"])
    except ProcessLookupError:
        return None
    closing.callback(close, handle)
    is_same = host.started_ticks(one["pid"]) == one["started"] and host.boot_id() == holder["boot"]
    return handle if is_same else None


def _wait(handles: Any, seconds: float, doing: Doing) -> list[int]:
    """Wait until all have ended, and give those that have not. Raises: LeaseLost."""
    left, deadline = list(handles), time.monotonic() + seconds
    while left:
        ended, _, _ = select.select(left, [], [], max(0.0, min(LOOK_SECONDS, deadline - time.monotonic())))
        left = [one for one in left if one not in ended]
        doing.check()
        if time.monotonic() >= deadline:
            break
    return left


def _others(acting: Acting[FreePortParameters]) -> list[str]:
    """Name everybody else who has it now; a refusal to stop them names them, too."""
    try:
        place = place_of(acting.site, acting.parameters.service, acting.parameters.port)
        return [named(one) for one in holders_of(acting.site, place)]
    except ActionNotApplicable as refusal:
        return [str(refusal)]


def _answers(acting: Acting[FreePortParameters]) -> str:
    """Say who takes a connection: the service, where nobody else has it; "" for nobody."""
    place = place_of(acting.site, acting.parameters.service, acting.parameters.port)
    for one in place.wanted if place.is_here else ():
        address = "localhost" if one.address in EVERYWHERE | {""} else one.address
        with suppress(OSError), socket.create_connection((address, one.port), timeout=CONNECT_SECONDS):
            return acting.parameters.service
    return ""


def _warning(holder: Holder) -> str:
    if holder["kind"] == CONTAINER:
        is_back = holder["restart"] == "always"
        return f"{named(holder)} is started again when its engine is (restart: always)" if is_back else ""
    unit = holder["unit"]
    return (
        f"{named(holder)} comes back, as systemd may start it again: `systemctl stop {unit}` stops it" if unit else ""
    )


def _way_back(holder: Holder) -> str:
    if holder["kind"] == CONTAINER:
        return f"docker start {holder['name']}"
    if holder["unit"]:
        return f"systemctl start {holder['unit']}"
    return f"start {holder['name']} again as its user started it, at another port"


def _holders(acting: Acting[FreePortParameters]) -> list[Holder]:
    return list(acting.facts["holders"])
