"""Part of network.published_ports: where services listen, beside where the stack says that they do."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from contextlib import suppress

from diagnostics.checks.edges import EVERYWHERE
from diagnostics.checks.result import Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes import host
from diagnostics.probes.could_not_look import CouldNotLook, NotPermitted
from diagnostics.probes.errors import NameUnresolved, ProcessUnknown
from diagnostics.probes.host import Listener
from diagnostics.probes.resolve import addresses
from diagnostics.stack import Service

MAPPED = "::ffff:"  # an IPv4 address on an IPv6 socket
NAME_SECONDS = 2.0


def listening_findings(seeing: Seeing) -> Iterator[Finding]:
    """Judge every service that declares `listens`. Raises: NotPermitted."""
    services = [one for one in seeing.stack.services.values() if one.listens]
    # Going through the sockets of all processes takes long on a busy machine, and most services have a pid file.
    everybody = [] if all(one.pid_file for one in services) else host.all_listeners()
    for service in services:
        try:
            yield _judged(seeing, service, everybody)
        except NotPermitted as refusal:
            yield Finding(
                state=State.ERROR,
                code=refusal.code,
                message=seeing.clean(f"{service.name}: {refusal}"),
                target=service.name,
                blocks=False,
            )
        except CouldNotLook as blind:  # a name of `listens` that does not resolve: the finding of network.dns
            yield Finding(state=State.SKIP, code="port.name_unknown", message=str(blind), target=service.name)


def _judged(seeing: Seeing, service: Service, everybody: list[Listener]) -> Finding:
    declared = _declared(seeing, service)
    own = _own(service)
    seen = own if own is not None else [one for one in everybody if one.port in declared and one.address in EVERYWHERE]
    wider = [one for one in seen if one.port in declared and _is_wider(one, declared[one.port])]
    undeclared = [one for one in own or () if one.port not in declared and not _is_loopback(one.address)]
    places = ", ".join(f"{address}:{port}" for address, port in service.listens)
    evidence = seeing.keep(
        "command",
        source=f"listening sockets of {service.name}",
        content=[f"declared: {places}", *(f"listens: {one}" for one in _distinct(seen))],
    )
    state, code, said = State.PASS, "port.as_declared", f"listens no wider than declared ({places})"
    if undeclared:
        state, code = State.WARN, "port.undeclared"
        said = f"also listens at {_named(undeclared)}, which the stack does not declare"
    if wider:
        state, code = State.WARN, "port.open_wider"
        said = f"listens at {_named(wider)}, wider than declared ({places})"
    return Finding(
        state=state,
        code=code,
        message=f"{service.name} {said}",
        target=service.name,
        measured={"wider": Measurement(len(_distinct(wider))), "undeclared": Measurement(len(_distinct(undeclared)))},
        citations=(evidence.whole(),),
    )


def _declared(seeing: Seeing, service: Service) -> dict[int, set[str]]:
    """Give the addresses that each declared port may be bound to. Raises: CouldNotLook."""
    declared: dict[int, set[str]] = {}
    for address, port in service.listens:
        if address in EVERYWHERE:
            declared.setdefault(port, set()).update(EVERYWHERE)
            continue
        try:
            found = addresses(address, port, seconds=seeing.seconds_left(at_most=NAME_SECONDS))
        except NameUnresolved as unresolved:
            raise CouldNotLook(unresolved.text, code=unresolved.code) from None
        declared.setdefault(port, set()).update(str(one.where[0]) for one in found)
    return declared


def _own(service: Service) -> list[Listener] | None:
    """Give what the service's own processes listen on, None where they cannot be told from others."""
    if service.pid_file is None:
        return None
    try:
        return host.listening(host.family_of(host.process_of(service.pid_file)))
    except ProcessUnknown:  # it does not run: nothing of it listens
        return []


def _is_wider(one: Listener, accepted: set[str]) -> bool:
    if accepted & set(EVERYWHERE):
        return False
    plain = one.address.removeprefix(MAPPED)
    return plain not in accepted and not _is_loopback(plain)


def _is_loopback(address: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(address.removeprefix(MAPPED).partition("%")[0]).is_loopback
    return False


def _distinct(listeners: Iterable[Listener]) -> list[str]:
    return list(dict.fromkeys(map(str, listeners)))


def _named(listeners: Iterable[Listener]) -> str:
    return ", ".join(_distinct(listeners)[:10])
