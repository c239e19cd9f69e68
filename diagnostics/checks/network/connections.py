"""NET-02: every connection that the stack needs can be made: each `depends_on` to its service, each client to its door.

From where the caller is: where its process sees another network than we do (/proc/PID/ns/net), from inside of that one.
Pass: `connection.accepted`. Fail: `connection.refused` (nobody listens there, or a rule rejects), `connection.timeout`
(the packets are dropped, or the backlog of who listens is full), `connection.unreachable` (no route, or a rule says
so), `connection.reset`. Such an edge is a warning where another check speaks to the same address from the same network
(endpoints, databases, queue): that one fails, and one fault is to give one red line. Skip: `connection.name_unknown`
(the finding of network.dns), `connection.no_address` (nothing says where the service is reached). Error:
not_permitted, where the caller's network is another and we may not enter it.
Threshold: `connect_seconds` (3) [ours]. It only connects and hangs up; a service that accepts and never answers passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import could_not_look
from diagnostics.checks.edges import Edge, edges_of, spoken_to, without_address
from diagnostics.checks.result import Citation, Finding, Measurement, State, Threshold
from diagnostics.checks.roads import Network, Traveled, travel
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.connecting import Attempt
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.stack import StackConfig

CONNECT_SECONDS = 3.0
SAID = {
    "refused": "refused the connection",
    "timeout": "did not accept a connection within {seconds:g} s",
    "unreachable": "cannot be reached",
    "reset": "reset the connection",
}


@dataclass(frozen=True, kw_only=True)
class Connections(Check):
    """Every edge of the service graph."""

    slug: ClassVar[str] = "network.connections"
    title: ClassVar[str] = "Services can connect to what they depend on"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    requires: ClassVar[tuple[str, ...]] = ("network.dns", "network.published_ports", "startup.port_conflict")

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where somebody connects to somebody."""
        is_empty = not edges_of(stack) and not without_address(stack)
        return "no service depends on another, and no endpoint, database or queue is described" if is_empty else None

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Try all edges at once, then judge each."""
        edges, limit = edges_of(seeing.stack), seeing.threshold("connect_seconds", CONNECT_SECONDS, unit="s")
        yield from _judged(seeing, travel(seeing, edges, seconds=limit.value), limit)
        yield from map(_no_address, without_address(seeing.stack))


def _judged(seeing: Seeing, traveled: list[Traveled], limit: Threshold) -> Iterator[Finding]:
    if not traveled:
        return
    source = "TCP connections along the service graph"
    evidence = seeing.keep("timing", source=source, content=[str(one) for one in traveled])
    spoken = spoken_to(seeing.stack)
    for line, one in enumerate(traveled, start=1):
        if isinstance(one.outcome, NotPermitted):
            yield could_not_look(seeing, one.outcome, target=str(one.edge))
            continue
        is_told = one.network is None and (one.edge.host, one.edge.port) in spoken
        yield _finding(one.edge, one.network, one.outcome, limit, cited=evidence.lines(line), is_told=is_told)


def _finding(
    edge: Edge, network: Network, attempt: Attempt, limit: Threshold, *, cited: Citation, is_told: bool
) -> Finding:
    state, code = State.PASS, "connection.accepted"
    said = f"accepted a connection in {attempt.milliseconds:g} ms"
    if attempt.code in {"dns", "dns_timeout"}:
        state, code, said = State.SKIP, "connection.name_unknown", f"was not tried: {attempt.text}"
    elif attempt.code:
        state, code = State.WARN if is_told else State.FAIL, f"connection.{attempt.code}"
        said = SAID[attempt.code].format(seconds=limit.value)
    place = ", from inside the caller's own network" if network else ""
    return Finding(
        state=state,
        code=code,
        message=f"{edge.caller} -> {edge.callee}: {edge.address} {said}{place}",
        target=str(edge),
        measured={"connect": Measurement(attempt.milliseconds, "ms"), "reason": Measurement(attempt.text)},
        threshold=limit if attempt.code == "timeout" else None,
        citations=(cited,),
        next_checks=("startup.port_conflict",) if attempt.code == "refused" else (),
        blocks=False,
    )


def _no_address(name: str) -> Finding:
    text = f"nothing says where {name} is reached: give it `listens` to have its connections looked at"
    return Finding(state=State.SKIP, code="connection.no_address", message=text, target=name)
