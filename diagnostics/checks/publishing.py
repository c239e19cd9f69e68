"""Part of startup.port_conflict: the ports that containers are to publish, beside who has them on the engine's host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from diagnostics.checks.each import could_not_look
from diagnostics.checks.engine_host import is_this_machine
from diagnostics.checks.result import Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes import host
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.engine import SERVICE_LABEL, Seen
from diagnostics.probes.host import Listener

EVERYWHERE = {"", "0.0.0.0", "::", "*"}  # noqa: S104  what is looked for, not what is bound

ENGINE_PROXY = "docker-proxy"
HOST_NETWORK = "host"  # there nothing is published: the container has the host's own ports


@dataclass(frozen=True, slots=True)
class Published:
    """A port of the engine's host that a container is to have, or has."""

    address: str  # "" for every one
    port: int
    protocol: str
    container: str  # its id
    name: str = ""  # for people

    def meets(self, other: Published) -> bool:
        """Say whether only one of the two can be had."""
        is_same = (self.port, self.protocol) == (other.port, other.protocol)
        return is_same and (self.address == other.address or bool({self.address, other.address} & EVERYWHERE))

    def __str__(self) -> str:
        """Give `0.0.0.0:8443`, with the protocol where that is not TCP."""
        more = "" if self.protocol == "tcp" else f"/{self.protocol}"
        return f"{self.address or '0.0.0.0'}:{self.port}{more}"  # noqa: S104  shown, not bound


@dataclass(frozen=True, slots=True)
class Holders:
    """Who has ports of the engine's host."""

    containers: Sequence[Published]
    processes: Sequence[Listener]  # none where the host is another machine, or its sockets may not be seen

    def of(self, wanted: Published) -> str:
        """Name who else has a port that a container is to have, "" where nobody is seen."""
        for one in self.containers:
            if one.container != wanted.container and one.meets(wanted):
                return f"container {one.name}"
        for other in self.processes:
            if wanted.protocol == "tcp" and wanted.meets(Published(other.address, other.port, "tcp", "")):
                said = host.described(other.pid)
                # An engine's proxy holds a port for a container; of none that was listed: for this one, which restarts.
                return "" if ENGINE_PROXY in said else said
        return ""


def publishing_findings(seeing: Seeing) -> Iterator[Finding]:
    """Judge every port that a container is to publish, and every declared one; what cannot be seen blocks nothing."""
    try:
        holders = _holders(seeing)
        containers = [one for seen in seeing.surroundings.containers().values() for one in seen]
    except CouldNotLook as refusal:
        yield replace(could_not_look(seeing, refusal, target=refusal.target), blocks=False)
        return
    findings = [_judged(seeing, one, port, holders) for one in containers for port in to_publish(one)]
    findings += _undeclared(seeing, containers)
    yield from findings or [_nothing_published(len(containers))]


def to_publish(container: Seen) -> list[Published]:
    """Give the ports with a number of their own that a container was made to publish."""
    settings, found = container.attributes.get("HostConfig") or {}, []
    asked = {} if settings.get("NetworkMode") == HOST_NETWORK else settings.get("PortBindings") or {}
    for inner, bindings in asked.items():
        for one in bindings or ():
            if str(one.get("HostPort") or "").isdecimal() and one["HostPort"] != "0":
                protocol = inner.partition("/")[2] or "tcp"
                found.append(Published(str(one.get("HostIp") or ""), int(one["HostPort"]), protocol, container.id))
    return found


def _holders(seeing: Seeing) -> Holders:
    """Raises: EngineFailure, NotPermitted."""
    engine = seeing.surroundings.engine()
    held = [one for container in engine.running() for one in held_ports(container)]
    is_here = is_this_machine(seeing.stack, engine.info())
    return Holders(held, host.all_listeners() if is_here else ())


def held_ports(listed: Mapping[str, object]) -> Iterator[Published]:
    """Give the ports that a running container has on the engine's host, as the engine lists it."""
    names, labels, ports = listed.get("Names"), listed.get("Labels"), listed.get("Ports")
    name = str(names[0]).lstrip("/") if isinstance(names, list) and names else str(listed.get("Id", ""))[:12]
    service = labels.get(SERVICE_LABEL) if isinstance(labels, Mapping) else None
    shown = f"{name} (service {service})" if service else name
    for one in ports if isinstance(ports, list) else ():
        if port := one.get("PublicPort"):
            yield Published(str(one.get("IP") or ""), int(port), str(one.get("Type")), str(listed.get("Id")), shown)


def _judged(seeing: Seeing, container: Seen, wanted: Published, holders: Holders) -> Finding:
    is_held = any(one.container == container.id and one.meets(wanted) for one in holders.containers)
    other = "" if is_held else holders.of(wanted)
    error = str(container.state.get("Error") or "")
    lines = [
        f"{container} is {container.status}{f': {error}' if error else ''}",
        f"it is to publish {wanted}, which is held by {'itself' if is_held else other or 'nobody that is seen'}",
    ]
    evidence = seeing.keep("command", source=f"published ports of {container.service}", content=lines)
    state, code, said = State.SKIP, "port.not_running", f"{wanted} is free, as its container is {container.status}"
    if is_held:
        state, code, said = State.PASS, "port.owned", f"{wanted} is published by its own container"
    elif other:
        state, code, said = State.FAIL, "port.taken", f"{wanted} is held by {other}, not by {container.service}"
    elif container.status == "running":
        state, code, said = State.WARN, "port.nobody_listens", f"{wanted} is not published though its container runs"
    return Finding(
        state=state,
        code=code,
        message=seeing.clean(f"{container.service}: {said}"),
        target=_target(seeing, container, wanted),
        measured={"holder": Measurement("itself" if is_held else other)},
        citations=(evidence.whole(),),
        blocks=state is State.FAIL,
    )


def _target(seeing: Seeing, container: Seen, wanted: Published) -> str:
    """Give the address where the stack declares it as this service's, else the service."""
    service = seeing.stack.services.get(container.service)
    return str(wanted) if service and _is_declared(wanted, service.listens) else container.service


def _is_declared(wanted: Published, listens: Sequence[tuple[str, int]]) -> bool:
    return any(str(wanted) == f"{address}:{port}" for address, port in listens)


def _undeclared(seeing: Seeing, containers: Sequence[Seen]) -> Iterator[Finding]:
    """Find addresses that a service is declared to listen at and that its containers are not made to publish."""
    for name, service in seeing.stack.services.items():
        own = [one for one in containers if one.service == name]
        if not own or any((one.attributes.get("HostConfig") or {}).get("NetworkMode") == HOST_NETWORK for one in own):
            continue
        ports = {published.port for one in own for published in to_publish(one)}
        for address, port in service.listens:
            if port not in ports:
                said = ", ".join(map(str, sorted(ports))) or "none"
                evidence = seeing.keep(
                    "command", source=f"published ports of {name}", content=f"declared: {port}; published: {said}"
                )
                yield Finding(
                    state=State.WARN,  # it may be meant as the address inside
                    code="port.nobody_listens",
                    message=f"{name}: it is declared to listen at {address}:{port}, and publishes {said}",
                    target=f"{address}:{port}",
                    citations=(evidence.whole(),),
                    blocks=False,
                )


def _nothing_published(containers: int) -> Finding:
    return Finding(
        state=State.PASS,
        code="port.owned",
        message=f"none of {containers} container(s) publishes a port with a number of its own",
        measured={"containers": Measurement(containers)},
    )
