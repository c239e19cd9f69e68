"""STA-06: every address that a service must listen on is owned by that service's own process or its children.

Pass: `port.owned`. Fail: `port.taken` (somebody else holds it; named), `port.shared` (the service listens, and so does
somebody else: each gets a part of the connections), `port.other_address` (the service listens on this port, but not at
this address), `port.nobody_listens`, which is a warning where another check speaks to the service: that one fails, and
one fault is to give one red line. Skip: `port.owner_unknown`, where the service has no pid_file, so that
its own process cannot be told from others. Error: not_permitted, where the sockets of the service may not be seen.
Of containers it is each port that they are to publish on the engine's host: the engine says which container has it,
and where the engine's host is this machine, the kernel says which process. Pass: `port.owned`. Fail: `port.taken` (its
container could not be started with it, and another container or process has it). Warn: `port.nobody_listens` (a
declared `listens` that its containers do not publish). Skip: `port.not_running` (its container does not run, and the
port is free). Exact, no threshold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.port_owners import Owner, answering, owner_of, strangers_at
from diagnostics.checks.publishing import publishing_findings
from diagnostics.checks.result import Evidence, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes import host
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.errors import NameUnresolved
from diagnostics.probes.host import Listener
from diagnostics.stack import Service, StackConfig


@dataclass(frozen=True, kw_only=True)
class PortConflict(Check):
    """Each declared address of each service, and each published one."""

    slug: ClassVar[str] = "startup.port_conflict"
    title: ClassVar[str] = "Each service owns the ports that it must listen on"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply to containers, and to processes of this host that declare what they listen on."""
        if stack.vantage == "container":
            return None
        return None if any(one.listens for one in stack.services.values()) else "no service declares `listens`"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Compare for one service after the other."""
        if seeing.surroundings.is_container:
            yield from publishing_findings(seeing)
            return
        everybody = host.all_listeners()
        services = [one for one in seeing.stack.services.values() if one.listens]
        yield from look_at_each(
            seeing, services, lambda service: _service(seeing, service, everybody), named=lambda service: service.name
        )


def _service(seeing: Seeing, service: Service, everybody: list[Listener]) -> Iterator[Finding]:
    owner = owner_of(service)
    for address, port in service.listens:
        try:
            accepted = answering(address, port, seconds=seeing.seconds_left(at_most=3.0))
        except NameUnresolved as unresolved:
            raise CouldNotLook(unresolved.text, code=unresolved.code, target=f"{address}:{port}") from None
        yield _judge(seeing, owner, (address, port), accepted, everybody)


def _judge(
    seeing: Seeing, owner: Owner, place: tuple[str, int], accepted: set[str], everybody: list[Listener]
) -> Finding:
    target = f"{place[0]}:{place[1]}"
    mine = [one for one in owner.listeners if one.port == place[1]]
    owned = [one for one in mine if one.address in accepted]
    strangers = strangers_at(place, accepted, everybody, owner)
    evidence = _table(seeing, owner, target, [*strangers, *mine])
    state, code, said = _verdict(owner, target, owned=owned, mine=mine, strangers=strangers)
    if code == "port.nobody_listens" and owner.service.name in _spoken_to(seeing.stack):
        state = State.WARN
    holder = (strangers or owned or [Listener("", 0, None)])[0]
    return Finding(
        state=state,
        code=code,
        message=f"{owner.service.name}: {said}",
        target=target,
        measured={"holder_pid": Measurement(holder.pid), "own_pid": Measurement(owner.pid)},
        citations=(evidence.whole(),),
    )


def _spoken_to(stack: StackConfig) -> set[str]:
    """Give the services that another check connects to, and whose silence it reports."""
    asked = {endpoint.service for endpoint in stack.endpoints.values()}
    asked |= {database.service for database in stack.databases.values()}
    return asked | ({stack.queue.service} if stack.queue else set())


def _verdict(
    owner: Owner, target: str, *, owned: list[Listener], mine: list[Listener], strangers: list[Listener]
) -> tuple[State, str, str]:
    name = owner.service.name
    others = " and ".join(dict.fromkeys(host.described(one.pid) for one in strangers))
    why = f" ({owner.reason})" if owner.reason else ""
    if owned and strangers:
        return State.FAIL, "port.shared", f"{target} is held by {name} and also by {others}"
    if owned:
        return State.PASS, "port.owned", f"{target} is held by its own {host.described(owned[0].pid)}"
    if strangers and owner.is_hidden and any(one.pid is None for one in strangers):
        return State.ERROR, "not_permitted", f"{target} is held, and whether by {name} cannot be seen{why}"
    if strangers and owner.service.pid_file is None:
        text = f"{target} is held by {others}; without a pid_file nobody can tell whether that is {name}"
        return State.SKIP, "port.owner_unknown", text
    if strangers:
        return State.FAIL, "port.taken", f"{target} is held by {others}, not by {name}{why}"
    if mine:
        return State.FAIL, "port.other_address", f"{name} listens at {mine[0]}, and not at {target}"
    return State.FAIL, "port.nobody_listens", f"nobody listens at {target}{why if owner.service.pid_file else ''}"


def _table(seeing: Seeing, owner: Owner, target: str, listeners: list[Listener]) -> Evidence:
    own = host.described(owner.pid) if owner.pid else f"not known: {owner.reason}"
    rows = dict.fromkeys(f"{one} is held by {host.described(one.pid)}" for one in listeners)
    lines = [f"{owner.service.name} is {own}", *(rows or [f"nobody listens at {target}"])]
    return seeing.keep("command", source=f"listening sockets at {target}", content=lines)
