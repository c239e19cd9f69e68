"""Try the edges of a service graph from where their callers are: each road once, however many edges take it."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from diagnostics.checks.edges import Edge
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.connecting import Attempt, try_connect
from diagnostics.probes.could_not_look import CouldNotLook, NotPermitted
from diagnostics.probes.errors import ProcessUnknown
from diagnostics.probes.namespaces import foreign_network, inside
from diagnostics.stack import StackConfig

AT_ONCE = 32
POLL_SECONDS = 0.02
SAID = (  # by a shell that cannot connect
    ("refused", "refused"),
    ("no route", "unreachable"),
    ("unreachable", "unreachable"),
    ("not known", "dns"),
    ("name resolution", "dns"),
    ("reset", "reset"),
)
# By the engine of a container without shells, and by a passage whose last program had nothing to say.
NO_PROGRAM = ("executable file not found", "no such file or directory", "the program in the container ended")

Network = Path | None  # None for our own
Road = tuple[Network, str, int]  # from which network to which address
Outcome = Attempt | NotPermitted


@dataclass(frozen=True, slots=True)
class Traveled:
    """One edge, the network that its caller sees, and what came of trying it."""

    edge: Edge
    network: Network
    outcome: Outcome

    def __str__(self) -> str:
        """Give one line for evidence."""
        place = f" (from inside {self.network})" if self.network else ""
        if isinstance(self.outcome, NotPermitted):
            return f"{self.edge}{place}: not looked at: {self.outcome}"
        its = self.outcome
        return f"{self.edge}{place}: {its.code or 'accepted'} after {its.milliseconds:g} ms: {its.text}"


def travel(seeing: Seeing, edges: Sequence[Edge], *, seconds: float) -> list[Traveled]:
    """Try all roads at once and give what came of each edge, in order."""
    if seeing.surroundings.is_container:
        return [Traveled(edge, None, outcome) for edge, outcome in _between_containers(seeing, edges, seconds)]
    networks = {caller: _network_of(seeing.stack, caller) for caller in {edge.caller for edge in edges}}
    roads = {_road(networks[edge.caller], edge) for edge in edges} - {None}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        coming = {road: pool.submit(_try, seeing, road, seconds) for road in roads if road}
        outcomes = {road: future.result() for road, future in coming.items()}
    return [_traveled(edge, networks[edge.caller], outcomes) for edge in edges]


def _between_containers(seeing: Seeing, edges: Sequence[Edge], seconds: float) -> Iterator[tuple[Edge, Outcome]]:
    """Try each edge from inside its caller's container; clients from outside are where we are."""
    for edge in edges:
        limit = seeing.seconds_left(at_most=seconds)
        if edge.caller in seeing.stack.services:
            yield edge, try_inside(seeing, edge, seconds=limit)
        else:
            yield edge, try_connect(edge.host, edge.port, seconds=limit)


def try_inside(seeing: Seeing, edge: Edge, *, seconds: float) -> Outcome:
    """Try an edge from inside its caller's container; where it has nothing to connect with, that is no failure."""
    way = seeing.surroundings.way(edge.host, edge.port, of=edge.callee, seen_from=edge.caller)
    began = time.monotonic()
    try:
        with socket.create_connection(way.address(), timeout=seconds) as connection:
            connection.setblocking(False)
            while not way.is_connected and time.monotonic() - began < seconds:
                if select.select([connection], [], [], POLL_SECONDS)[0]:
                    break  # the other end has closed, or has something to say already
    except CouldNotLook as unseen:
        return unseen if isinstance(unseen, NotPermitted) else Attempt("dns", str(unseen), 0.0)
    milliseconds = round((time.monotonic() - began) * 1000, 3)
    if way.is_connected:
        return Attempt("", f"accepted, as seen from inside {edge.caller}", milliseconds)
    try:
        words = way.failure or "no answer in time"
    except CouldNotLook as unseen:
        return NotPermitted(f"nobody can look from {edge.caller}: {unseen}", code=unseen.code)
    if any(said in words.lower() for said in NO_PROGRAM):
        return NotPermitted(f"{edge.caller} has no program to connect with: {words}", code="container.no_program")
    code = next((code for said, code in SAID if said in words.lower()), "timeout")
    return Attempt(code, words, milliseconds)


def _network_of(stack: StackConfig, caller: str) -> Network | NotPermitted:
    """Give the network that a caller sees; who has no living process of this machine is looked for from ours."""
    service = stack.services.get(caller)
    if service is None or service.pid_file is None:
        return None
    try:
        return foreign_network(service.pid_file)
    except ProcessUnknown:
        return None
    except NotPermitted as refusal:
        return refusal


def _road(network: Network | NotPermitted, edge: Edge) -> Road | None:
    return None if isinstance(network, NotPermitted) else (network, edge.host, edge.port)


def _try(seeing: Seeing, road: Road, seconds: float) -> Outcome:
    network, host, port = road
    look = partial(try_connect, host, port, seconds=seeing.seconds_left(at_most=seconds))
    try:
        return look() if network is None else inside(network, look)
    except NotPermitted as refusal:
        return refusal


def _traveled(edge: Edge, network: Network | NotPermitted, outcomes: dict[Road, Outcome]) -> Traveled:
    if isinstance(network, NotPermitted):
        return Traveled(edge, None, network)
    return Traveled(edge, network, outcomes[network, edge.host, edge.port])
