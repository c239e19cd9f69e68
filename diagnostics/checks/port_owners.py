"""Who owns an address that a service is to listen on, and whose sockets take its connections away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diagnostics.probes import host
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.errors import ProcessUnknown
from diagnostics.probes.host import Listener
from diagnostics.probes.resolve import addresses
from diagnostics.stack import Service

EVERYWHERE = {"0.0.0.0", "::", "*"}  # noqa: S104  what is looked for, not what is bound
MAPPED = "::ffff:"  # an IPv4 address on an IPv6 socket


@dataclass(frozen=True, slots=True)
class Owner:
    """A service as the host sees it; without a process, `reason` says why."""

    service: Service
    listeners: tuple[Listener, ...] = ()
    relatives: frozenset[int] = frozenset()  # pids of the process, its children and those above it
    pid: int | None = None
    reason: str = ""
    is_hidden: bool = False  # it may be there, but this user may not see it

    def owns(self, one: Listener) -> bool:
        """Say whether a socket is this service's; of several processes that share one, the host names any."""
        mine = {(own.address, own.port) for own in self.listeners}
        return (one.address, one.port) in mine and one.pid in self.relatives


def owner_of(service: Service) -> Owner:
    """Look who a service is on this host, by its pid file."""
    if service.pid_file is None:
        return Owner(service, reason="the stack names no pid_file")
    try:
        process = host.process_of(service.pid_file)
        family = host.family_of(process)
        listeners = host.listening(family)
    except ProcessUnknown as unknown:
        return Owner(service, reason=unknown.text)
    except NotPermitted as refusal:
        return Owner(service, reason=str(refusal), is_hidden=True)
    relatives = {one.pid for one in family} | host.ancestors_of(process)
    return Owner(service, tuple(listeners), frozenset(relatives), process.pid)


def answering(address: str, port: int, *, seconds: float) -> set[str]:
    """Give the socket addresses that answer for a declared one. Raises: NameUnresolved."""
    if address in EVERYWHERE:
        return EVERYWHERE
    found = {str(one.where[0]) for one in addresses(address, port, seconds=seconds)}
    return found | {MAPPED + one for one in found} | EVERYWHERE


def strangers_at(
    place: tuple[str, int], accepted: set[str], everybody: Sequence[Listener], owner: Owner
) -> list[Listener]:
    """Give the sockets of others that get connections meant for a declared address."""
    address, port = place
    owned = [one for one in owner.listeners if one.port == port and one.address in accepted]
    on_port = [one for one in everybody if one.port == port]
    return [one for one in on_port if not owner.owns(one) and _is_rival(one, address, accepted, owned)]


def _is_rival(one: Listener, declared: str, accepted: set[str], owned: list[Listener]) -> bool:
    """Say whether somebody else's socket gets connections that are meant for the declared address."""
    if not owned:
        return declared in EVERYWHERE or one.address in accepted
    if one.address in {own.address for own in owned}:
        return True
    is_narrower = one.address not in EVERYWHERE  # the kernel prefers the exact address
    return is_narrower and (declared in EVERYWHERE or one.address in accepted)
