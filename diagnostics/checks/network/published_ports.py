"""NET-04: services listen no wider than the stack says, and no firewall rule keeps a connection of the stack away.

Ports: warn `port.open_wider` (a service listens on a declared port at more addresses than its `listens` say: 0.0.0.0
instead of 127.0.0.1), `port.undeclared` (the process of a service with `listens` and a pid_file listens on another
port, and not on the loopback only). Firewall: every edge of the service graph is tried, from the caller's own network;
where one does not come about, the rules are read (iptables-save, nft, ufw status) and followed. Fail:
`firewall.blocked`, citing the rule, or the chain's policy, that drops or rejects it; then the checks that would connect
are skipped. Error: `firewall.not_permitted`, where a connection vanishes, or is refused although somebody listens, and
the rules may not be read (root may); it does not block other checks. Skip: `firewall.no_program`, where no program can
show them. Pass: `port.as_declared`, `firewall.open` (all edges connect, so no rule was looked for; or none of those
that were read blocks what does not connect).
Exact, but for `connect_seconds` (2) [ours]. What a rule asks that cannot be known from here (marks, rates, owners)
counts as fulfilled. It cannot see the firewalls of other machines, nor what routers drop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.edges import edges_of
from diagnostics.checks.firewalls import Blamed, Firewalls, describe_refusals, read_firewalls
from diagnostics.checks.listening import listening_findings
from diagnostics.checks.result import Evidence, Finding, Measurement, State
from diagnostics.checks.roads import Network, Traveled, travel
from diagnostics.checks.seeing import Seeing
from diagnostics.probes import host
from diagnostics.probes.connecting import Attempt
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.errors import NameUnresolved
from diagnostics.probes.namespaces import inside
from diagnostics.probes.resolve import addresses
from diagnostics.stack import StackConfig

CONNECT_SECONDS = 2.0
NAME_SECONDS = 1.0
VANISHED = ("timeout", "unreachable")
BROKEN = (*VANISHED, "refused", "reset")


@dataclass(slots=True)
class Walls:
    """The firewalls of each network and version of IP, read when they are first asked for."""

    known: dict[tuple[Network, int], Firewalls] = field(default_factory=dict)
    own_addresses: dict[Network, set[str]] = field(default_factory=dict)

    def of(self, network: Network, version: int) -> Firewalls:
        """Give the firewalls of a network. Raises: NotPermitted."""
        if (network, version) not in self.known:
            read = partial(read_firewalls, version)
            self.known[network, version] = read() if network is None else inside(network, read)
        return self.known[network, version]

    def is_local(self, network: Network, address: str) -> bool:
        """Say whether an address is of the machine itself, as a network sees it. Raises: NotPermitted."""
        if network not in self.own_addresses:
            own = host.own_addresses
            self.own_addresses[network] = own() if network is None else inside(network, own)
        return address.startswith("127.") or address in self.own_addresses[network]


@dataclass(frozen=True, kw_only=True)
class PublishedPorts(Check):
    """Where services listen, and what stands between those that need each other."""

    slug: ClassVar[str] = "network.published_ports"
    title: ClassVar[str] = "Ports are open as declared, and no firewall blocks what the stack needs"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only to processes that declare what they listen on, or that connect to something."""
        if stack.vantage != "process":
            return "the stack runs in containers; their published ports are looked at through their engine"
        is_empty = not edges_of(stack) and not any(one.listens for one in stack.services.values())
        return "no service declares `listens`, and nothing is connected to" if is_empty else None

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Compare the ports, then try every edge and look for the rule where one fails."""
        yield from listening_findings(seeing)
        edges, limit = edges_of(seeing.stack), seeing.threshold("connect_seconds", CONNECT_SECONDS, unit="s")
        traveled = travel(seeing, edges, seconds=limit.value)
        if not traveled:
            return
        source = "TCP connections along the service graph"
        evidence = seeing.keep("timing", source=source, content=[str(one) for one in traveled])
        walls, broken = Walls(), [one for one in traveled if _is_broken(one)]
        found = [finding for one in broken for finding in _explained(seeing, walls, one, evidence)]
        yield from found
        if not found:
            yield _open(len(traveled), len(broken), evidence)


def _is_broken(one: Traveled) -> bool:
    return isinstance(one.outcome, Attempt) and one.outcome.code in BROKEN


def _explained(seeing: Seeing, walls: Walls, one: Traveled, evidence: Evidence) -> Iterator[Finding]:
    """Give the rule that blocks an edge, or say why none could be looked for."""
    assert isinstance(one.outcome, Attempt)
    try:
        found = addresses(one.edge.host, one.edge.port, seconds=seeing.seconds_left(at_most=NAME_SECONDS))
        for address in {str(each.where[0]): None for each in found}:
            firewalls = walls.of(one.network, 6 if ":" in address else 4)
            is_local = walls.is_local(one.network, address)
            if blamed := firewalls.blame(seeing, address, one.edge.port, is_local=is_local):
                yield _blocked(seeing, one, blamed)
                return
    except (NameUnresolved, NotPermitted):  # the findings of network.dns and network.connections
        return
    if firewalls.is_readable or not _is_strange(one):
        return
    state, code = (State.ERROR, "not_permitted") if firewalls.is_forbidden else (State.SKIP, "no_program")
    text = f"{one.edge} {one.outcome.text}; whether a rule does that cannot be seen: {describe_refusals(firewalls)}"
    yield Finding(
        state=state,
        code=f"firewall.{code}",
        message=seeing.clean(text),
        target=str(one.edge),
        citations=(evidence.whole(),),
        blocks=False,
    )


def _is_strange(one: Traveled) -> bool:
    """Say whether something must stand between: packets vanish, or are refused where somebody listens."""
    assert isinstance(one.outcome, Attempt)
    if one.outcome.code in VANISHED:
        return True
    return one.network is None and any(each.port == one.edge.port for each in host.all_listeners())


def _blocked(seeing: Seeing, one: Traveled, blamed: Blamed) -> Finding:
    assert isinstance(one.outcome, Attempt)
    text = f"{one.edge} is blocked by a firewall rule ({blamed.program}): {blamed.text}; {one.outcome.text}"
    return Finding(
        state=State.FAIL,
        code="firewall.blocked",
        message=seeing.clean(text),
        target=str(one.edge),
        measured={"reason": Measurement(one.outcome.code), "rule": Measurement(seeing.clean(blamed.text))},
        citations=blamed.citations,
    )


def _open(edges: int, broken: int, evidence: Evidence) -> Finding:
    said = f"{edges} connection(s) can be made"
    if broken:
        said = f"{edges - broken} of {edges} connections can be made, and no rule of this machine blocks the others"
    return Finding(
        state=State.PASS,
        code="firewall.open",
        message=said,
        measured={"connections": Measurement(edges), "failing": Measurement(broken)},
        citations=(evidence.whole(),),
    )
