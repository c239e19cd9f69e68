"""Look at what is outside of a stack from where one of its services is: inside its container or its network."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # its types leave it out

from diagnostics.checks.edges import Edge
from diagnostics.checks.roads import try_inside
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.connecting import Attempt, try_connect
from diagnostics.probes.could_not_look import CouldNotLook, NotPermitted
from diagnostics.probes.errors import ProcessUnknown
from diagnostics.probes.namespaces import foreign_network, inside

PROXY_PORTS = {"http": 80, "https": 443}

T = TypeVar("T", covariant=True)
R = TypeVar("R")


class Asking(Protocol[T]):
    """Something to do over a connection, which may begin at another address than its own."""

    def __call__(self, *, connect_to: tuple[str, int] | None = None) -> T:
        """Do it."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The place from which the outside is looked at; `because` says why it is not the service's own."""

    seeing: Seeing
    service: str
    text: str
    is_in_container: bool = False
    network: Path | None = None  # of the service's process, where it is not ours
    because: str = ""

    @property
    def is_own(self) -> bool:
        """Say whether the service itself sees what is seen from here."""
        return not self.because

    def connect(self, host: str, port: int, *, seconds: float) -> Attempt:
        """Connect and hang up. Raises: CouldNotLook."""
        if not self.is_in_container:
            return self._inside(partial(try_connect, host, port, seconds=seconds))
        outcome = try_inside(self.seeing, Edge(self.service, host, host, port), seconds=seconds)
        if isinstance(outcome, NotPermitted):
            raise outcome
        return outcome

    def carry_out(self, asking: Asking[R], host: str, port: int) -> R:
        """Do something over a connection to an address. Raises: CouldNotLook, and whatever `asking` raises."""
        if not self.is_in_container:
            return self._inside(asking)
        way = self.seeing.surroundings.way(host, port, of=host, seen_from=self.service)
        return asking(connect_to=way.address())

    def _inside(self, look: Callable[[], R]) -> R:
        return look() if self.network is None else inside(self.network, look)


def outlook_of(seeing: Seeing, service: str) -> Outlook:
    """Give the place of a service, or our own where that cannot be looked from.

    Raises: EngineFailure, NotPermitted (of the engine).
    """
    one = seeing.stack.services[service]
    if seeing.surroundings.is_container:
        try:
            seeing.surroundings.inside(one)
        except ProcessUnknown as unknown:
            return Outlook(seeing, service, "here", because=unknown.text)
        return Outlook(seeing, service, f"inside {service}", is_in_container=True)
    if one.pid_file is None:
        return Outlook(seeing, service, "here")
    try:
        network = foreign_network(one.pid_file)
        if network:
            inside(network, lambda: None)
    except ProcessUnknown:  # it is down, which is told elsewhere; its machine is ours
        return Outlook(seeing, service, "here")
    except NotPermitted as refusal:
        return Outlook(seeing, service, "here", because=str(refusal))
    return Outlook(seeing, service, f"the network of {service}" if network else "here", network=network)


def http_proxy_of(seeing: Seeing, service: str, url: str) -> tuple[str, int] | None:
    """Give host and port of the HTTP proxy by which a service goes to an address, as its environment has it."""
    scheme, host = urlsplit(url).scheme, urlsplit(url).hostname or ""
    names = [name for base in (f"{scheme}_proxy", "all_proxy", "no_proxy") for name in (base, base.upper())]
    with suppress(ProcessUnknown, CouldNotLook, ValueError):
        found = seeing.surroundings.environment(service, names)
        values = [found.get(name, "") for name in names]
        bypassing = values[4] or values[5]
        chosen = next((value for value in values[:4] if value), "")
        if chosen and not proxy_bypass_environment(host, {"no": bypassing}):
            parts = urlsplit(chosen if "://" in chosen else f"http://{chosen}")
            return (parts.hostname, parts.port or PROXY_PORTS.get(parts.scheme, 1080)) if parts.hostname else None
    return None
