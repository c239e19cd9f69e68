"""Firewall rules in one form, whatever program printed them, and which of them keeps a connection from coming about.

A rule's conditions are judged in three values: what cannot be known here (a mark, a rate, the owner of a socket) may or
may not hold. As it is asked only for connections that do fail, a rule that may drop them is named.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MAX_DEPTH = 16
BLOCKING = ("drop", "reject")
LOCAL_HOOKS = ("output", "prerouting", "input")  # the way of a packet to ourselves, over the loopback
REMOTE_HOOKS = ("output",)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Table = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Packet:
    """The first packet of a TCP connection that we make."""

    destination: Address
    port: int
    is_local: bool  # the destination is an address of this machine

    @property
    def source(self) -> Address | None:
        """Give where it comes from, as far as that is sure."""
        if self.destination.is_loopback:
            return ipaddress.ip_address("::1" if self.destination.version == 6 else "127.0.0.1")
        return self.destination if self.is_local else None


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a rule; `values` by field: ranges of ports, networks, names of interfaces, states."""

    field: str  # protocol, port, destination, source, in, out, state, local, or unknown
    values: tuple[object, ...] = ()
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `line` is its 1-based line in the output that it comes from."""

    line: int
    text: str
    conditions: tuple[Condition, ...]
    verdict: str  # accept, drop, reject, return, "" to go on, or `jump` and `goto` with a target
    target: str = ""


@dataclass(slots=True)
class Chain:
    """One chain; with a hook, the kernel enters it there."""

    name: str
    table: Table
    hook: str = ""
    priority: int = 0
    policy: str = "accept"
    line: int = 0  # where the policy stands
    text: str = ""
    versions: tuple[int, ...] = (4, 6)  # of IP
    rules: list[Rule] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ruleset:
    """The rules that one program printed."""

    program: str
    lines: tuple[str, ...]
    chains: Mapping[tuple[Table, str], Chain]


def blocking_rule(ruleset: Ruleset, packet: Packet) -> Rule | None:
    """Give the first rule, or policy, that drops or rejects the packet on its way; None where none does."""
    for hook in LOCAL_HOOKS if packet.is_local else REMOTE_HOOKS:
        version = packet.destination.version
        entered = (one for one in ruleset.chains.values() if one.hook == hook and version in one.versions)
        for chain in sorted(entered, key=lambda one: one.priority):
            verdict = _walk(ruleset, chain, packet, hook, depth=0)
            if verdict is None and chain.policy in BLOCKING:
                return Rule(chain.line, chain.text, (), chain.policy)
            if verdict is not None and verdict.verdict in BLOCKING:
                return verdict
    return None


def _walk(ruleset: Ruleset, chain: Chain, packet: Packet, hook: str, *, depth: int) -> Rule | None:
    """Give the rule that decides in this chain, None where its end is reached."""
    for rule in chain.rules:
        holds = _all_hold(rule.conditions, packet, hook)
        if holds is False:
            continue
        if rule.verdict in BLOCKING:
            return rule
        if rule.verdict == "accept" and holds:
            return rule
        if rule.verdict == "return" and holds:
            return None
        if rule.verdict in {"jump", "goto"} and depth < MAX_DEPTH:
            target = ruleset.chains.get((chain.table, rule.target))
            inner = _walk(ruleset, target, packet, hook, depth=depth + 1) if target else None
            if inner is not None and (inner.verdict in BLOCKING or holds):
                return inner
            if rule.verdict == "goto" and holds:
                return None
    return None


def _all_hold(conditions: Sequence[Condition], packet: Packet, hook: str) -> bool | None:
    results = [_holds(one, packet, hook) for one in conditions]
    if False in results:
        return False
    return None if None in results else True


def _holds(condition: Condition, packet: Packet, hook: str) -> bool | None:
    result = _plainly_holds(condition, packet, hook)
    return result if result is None or not condition.negated else not result


def _plainly_holds(condition: Condition, packet: Packet, hook: str) -> bool | None:
    values = condition.values
    match condition.field:
        case "protocol":
            return "tcp" in values or "all" in values
        case "port":
            return any(isinstance(one, tuple) and one[0] <= packet.port <= one[1] for one in values)
        case "destination":
            return _is_in(packet.destination, values)
        case "source":
            return None if packet.source is None else _is_in(packet.source, values)
        case "state":
            return "new" in values
        case "local":
            return packet.is_local
        case "in" | "out":
            return _is_interface(condition.field, values, packet, hook)
    return None


def _is_in(address: Address, networks: Sequence[object]) -> bool:
    known = (one for one in networks if isinstance(one, ipaddress.IPv4Network | ipaddress.IPv6Network))
    return any(address in one for one in known if one.version == address.version)


def _is_interface(side: str, names: Sequence[object], packet: Packet, hook: str) -> bool | None:
    """Judge an interface: what goes to ourselves goes over the loopback, on both sides."""
    if not packet.is_local:
        return False if names == ("lo",) else None
    is_asked_here = (side == "out") == (hook == "output")
    return is_asked_here and any(str(name) in {"lo", "l+", "lo+", "lo*", "l*"} for name in names)
