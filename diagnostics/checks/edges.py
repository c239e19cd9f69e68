"""Who must be able to connect to whom: the edges of a stack's service graph, each with the address that is used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from diagnostics.probes.http import port_of
from diagnostics.probes.oauth import discovery_url
from diagnostics.stack import StackConfig

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "*": "127.0.0.1", "::": "::1"}  # noqa: S104  where one reaches what listens there
CLIENTS = "clients"  # whoever uses an endpoint from outside


@dataclass(frozen=True, slots=True)
class Edge:
    """One connection that must be possible."""

    caller: str  # a service, or CLIENTS
    callee: str
    host: str
    port: int

    @property
    def address(self) -> str:
        """Give host:port, IPv6 in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        """Give `api -> database 127.0.0.1:5432`."""
        return f"{self.caller} -> {self.callee} {self.address}"


def edges_of(stack: StackConfig) -> list[Edge]:
    """Give every edge once: `depends_on` to where its services are reached, and clients to the endpoints."""
    reached = _addresses(stack)
    edges = [
        Edge(service.name, other, host, port)
        for service in stack.services.values()
        for other in service.depends_on
        for host, port in reached.get(other, ())
    ]
    edges += [Edge(CLIENTS, callee, host, port) for callee, host, port in _doors(stack)]
    called = {(edge.callee, edge.host, edge.port) for edge in edges}
    # What the stack names an address for, though no service says that it depends on it.
    edges += [Edge(CLIENTS, *one) for one in [*_databases(stack), *_queue(stack)] if one not in called]
    return list(dict.fromkeys(edges))


def pairs_of(stack: StackConfig) -> list[tuple[str, str]]:
    """Give caller and callee of every connection between two services, also where no address is known."""
    pairs = [(service.name, other) for service in stack.services.values() for other in service.depends_on]
    pairs += [(one.pooler.service, one.service) for one in stack.databases.values() if one.pooler]
    if stack.queue and stack.queue.worker_service:
        pairs.append((stack.queue.worker_service, stack.queue.service))
    return [(caller, callee) for caller, callee in dict.fromkeys(pairs) if caller != callee]


def spoken_to(stack: StackConfig) -> set[tuple[str, int]]:
    """Give the addresses that another check speaks to and whose silence it reports."""
    return {(host, port) for _, host, port in (*_doors(stack), *_databases(stack), *_queue(stack))}


def reached_from_here(stack: StackConfig) -> set[tuple[str, int]]:
    """Give those of them that can be reached from where we are: of containers the doors only."""
    if stack.vantage == "container":
        return {(host, port) for _, host, port in _doors(stack)}
    return spoken_to(stack)


def hosts_of(stack: StackConfig) -> dict[str, list[tuple[str, int]]]:
    """Give every host that a client of the stack is told, or a service listens at, with its services and ports."""
    hosts: dict[str, list[tuple[str, int]]] = {}
    for callee, host, port in (*_doors(stack), *_databases(stack), *_queue(stack)):
        hosts.setdefault(host, []).append((callee, port))
    for service in stack.services.values():
        for host, port in service.listens:
            if host not in EVERYWHERE:
                hosts.setdefault(host, []).append((service.name, port))
    if stack.oauth:
        hosts.setdefault(urlsplit(discovery_url(stack.oauth)).hostname or "", [])
    return {host: list(dict.fromkeys(uses)) for host, uses in hosts.items() if host}


def without_address(stack: StackConfig) -> list[str]:
    """Give the services that others depend on and of which no address is known."""
    reached = _addresses(stack)
    needed = {other for service in stack.services.values() for other in service.depends_on}
    return sorted(name for name in needed if not reached.get(name))


def _addresses(stack: StackConfig) -> dict[str, list[tuple[str, int]]]:
    """Give where each service is reached: by what names its address for a client, else where it listens."""
    named: dict[str, list[tuple[str, int]]] = {}
    for callee, host, port in (*_databases(stack), *_queue(stack)):
        named.setdefault(callee, []).append((host, port))
    for service in stack.services.values():
        ports = {port for _, port in named.get(service.name, ())}
        listens = [(EVERYWHERE.get(host, host), port) for host, port in service.listens if port not in ports]
        named[service.name] = [*named.get(service.name, ()), *listens]
    for callee, host, port in _doors(stack):
        if not named.get(callee):
            named[callee] = [(host, port)]
    return named


def _doors(stack: StackConfig) -> Iterator[tuple[str, str, int]]:
    for endpoint in stack.endpoints.values():
        yield endpoint.service, urlsplit(endpoint.url).hostname or "", port_of(endpoint)


def _databases(stack: StackConfig) -> Iterator[tuple[str, str, int]]:
    for database in stack.databases.values():
        yield database.service, database.host, database.port
        if database.pooler:
            yield database.pooler.service, database.pooler.host, database.pooler.port


def _queue(stack: StackConfig) -> Iterator[tuple[str, str, int]]:
    if stack.queue:
        yield stack.queue.service, stack.queue.host, stack.queue.port
