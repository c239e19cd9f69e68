"""NET-01: every host name that the stack's clients and services use resolves, quickly, and to where the service is.

Asked are the system's resolver (getaddrinfo, as applications do) and each name server for itself (`[dns] resolvers`,
else /etc/resolv.conf). Pass: `dns.resolved`. Fail: `dns.resolver_dead` (EAI_AGAIN, or no server said anything),
`dns.server_failure` (SERVFAIL, REFUSED, rubbish), `dns.unknown_name` (NXDOMAIN), `dns.no_address` (the name has none),
`dns.invalid_name`, `dns.timeout` (servers answer us, the system's resolver does not), `dns.wrong_address` (stale: not
an address of `[dns.expected]`; or nobody answers there while the service does where it listens). Warn: `dns.slow` (over
`slow_seconds`, 1 s [ours]; the resolver of glibc tries a silent server for 5 s, twice), `dns.other_address` (not where
the service listens, and somebody answers there: a load balancer, or another machine), `dns.shadowed` (the hosts file
says another address than the name servers). Where a name fails the checks that would connect to it are skipped.
Names of services in containers are asked for inside a container that depends on them (getent), where the engine's own
resolver answers: `dns.resolved`, `dns.unknown_name`, `dns.off_network` (fail: the other runs, and they share no
network), `dns.not_asked` (skip). It cannot see what a name resolves to for a process with a resolv.conf or hosts file
of its own.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.edges import EVERYWHERE, hosts_of
from diagnostics.checks.names_inside import names_seen_inside, questions
from diagnostics.checks.result import Evidence, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes import host as host_probe
from diagnostics.probes.connecting import try_connect
from diagnostics.probes.errors import NameUnresolved
from diagnostics.probes.hostnames import is_address
from diagnostics.probes.nameservers import (
    Configuration,
    NameServer,
    Reply,
    are_silent,
    ask,
    hosts_entries,
    system_configuration,
)
from diagnostics.probes.resolve import addresses
from diagnostics.stack import StackConfig

SLOW_SECONDS = 1.0
SERVER_SECONDS = 1.0  # for one server, asked directly
MORE_SECONDS = 2.0  # for one that was silent, where the system's resolver gave no address either
SILENT_SECONDS = 4.0  # for the system's resolver, where no server says anything
ANSWER_SECONDS = 7.0  # where one does: glibc leaves a silent server after 5 s
CONNECT_SECONDS = 1.0
AT_ONCE = 64
REFERENCE = "ours; resolv.conf(5): 5 s for a try"
FAILURES = {
    socket.EAI_AGAIN: ("resolver_dead", "no name server could be asked"),
    socket.EAI_NONAME: ("unknown_name", "nobody knows this name"),
    socket.EAI_NODATA: ("no_address", "the name exists and has no address"),
    socket.EAI_FAIL: ("server_failure", "the name server failed"),
}

Uses = Sequence[tuple[str, int]]  # the services that a host is named for, and their ports


@dataclass(frozen=True, slots=True)
class Lookup:
    """What came of one name."""

    name: str
    found: tuple[str, ...]  # by the system's resolver
    failure: NameUnresolved | None
    seconds: float
    replies: tuple[Reply, ...]
    hosts: tuple[str, ...]  # of the hosts file

    def lines(self) -> list[str]:
        """Describe it for evidence."""
        said = self.failure.text if self.failure else ", ".join(self.found)
        lines = [f"{self.name}: the system's resolver said {said} after {self.seconds * 1000:.1f} ms"]
        lines += [f"  hosts file: {', '.join(self.hosts)}"] if self.hosts else []
        return [*lines, *(f"  {reply}" for reply in self.replies)]


@dataclass(frozen=True, kw_only=True)
class Dns(Check):
    """Every host name in the stack's addresses."""

    slug: ClassVar[str] = "network.dns"
    title: ClassVar[str] = "Host names resolve, quickly and to the right place"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    deadline_seconds: ClassVar[float] = 12.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where a name has to be resolved."""
        return None if _names(stack) else "the stack's addresses have no host names"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Resolve all names at once, so that one that hangs costs the others nothing; then judge each."""
        if seeing.surroundings.is_container:
            yield from names_seen_inside(seeing)
        names, configuration = _names(seeing.stack), system_configuration()
        servers = tuple(map(NameServer.parse, seeing.stack.dns.resolvers)) or configuration.servers
        with ThreadPoolExecutor(AT_ONCE) as pool:
            lookups = list(pool.map(lambda name: _look_up(name, servers, configuration), names))
        for lookup in lookups:
            evidence = seeing.keep(
                "query_result", source=f"name {lookup.name}", content=[*lookup.lines(), "", *configuration.lines]
            )
            yield from _judged(seeing, lookup, names[lookup.name], evidence)


def _names(stack: StackConfig) -> dict[str, Uses]:
    inside = {one.name for one in questions(stack)} if stack.vantage == "container" else set()
    return {name: uses for name, uses in hosts_of(stack).items() if not is_address(name) and name not in inside}


def _look_up(name: str, servers: Sequence[NameServer], configuration: Configuration) -> Lookup:
    """Ask the system and every server at the same time; who is silent is waited for only where it matters."""
    began = time.monotonic()
    with ThreadPoolExecutor(1 + len(servers)) as pool:
        system = pool.submit(_resolve, name, SILENT_SECONDS)
        asked = () if _is_local(name) else servers  # RFC 6761: such names are nobody else's business

        def again(server: NameServer, earlier: Reply) -> Reply:
            return ask(server, name, configuration, seconds=MORE_SECONDS) if are_silent([earlier]) else earlier

        replies = list(pool.map(lambda server: ask(server, name, configuration, seconds=SERVER_SECONDS), asked))
        if not system.done() or system.result()[1]:
            replies = list(pool.map(again, asked, replies))
        found, failure, seconds = system.result()
    if failure and failure.code == "dns_timeout" and replies and not are_silent(replies):
        found, failure, _ = _resolve(name, ANSWER_SECONDS - (time.monotonic() - began))
        seconds = time.monotonic() - began
    return Lookup(name, found, failure, seconds, tuple(replies), tuple(hosts_entries(name)))


def _is_local(name: str) -> bool:
    return name.rstrip(".").lower().rpartition(".")[2] == "localhost"


def _resolve(name: str, seconds: float) -> tuple[tuple[str, ...], NameUnresolved | None, float]:
    began = time.monotonic()
    try:
        found = addresses(name, 0, seconds=seconds)
    except NameUnresolved as unresolved:
        return (), unresolved, time.monotonic() - began
    return tuple(dict.fromkeys(str(one.where[0]) for one in found)), None, time.monotonic() - began


def _judged(seeing: Seeing, lookup: Lookup, uses: Uses, evidence: Evidence) -> Iterator[Finding]:
    slow = seeing.threshold("slow_seconds", SLOW_SECONDS, unit="s", reference=REFERENCE)
    state, code, said = State.PASS, "dns.resolved", f"resolves to {', '.join(lookup.found[:10])}"
    if lookup.failure:
        state, (code, said) = State.FAIL, _failed(lookup, lookup.failure)
    elif wrong := _wrong(seeing.stack, lookup, uses):
        state, code, said = wrong
    elif lookup.seconds > slow.value:
        state, code, said = State.WARN, "dns.slow", f"took {lookup.seconds:.1f} s to resolve{_silent_ones(lookup)}"
    elif other := _shadowed(lookup):
        state, code, said = State.WARN, "dns.shadowed", other
    yield Finding(
        state=state,
        code=code,
        message=seeing.clean(f"{lookup.name} {said}"),
        target=lookup.name,
        measured={
            "addresses": Measurement(", ".join(lookup.found[:10])),
            "system_resolver": Measurement(round(lookup.seconds * 1000, 1), "ms"),
            "silent_servers": Measurement(sum(reply.code == "silent" for reply in lookup.replies)),
        },
        threshold=slow if code == "dns.slow" else None,
        citations=(evidence.whole(),),
    )


def _failed(lookup: Lookup, failure: NameUnresolved) -> tuple[str, str]:
    """Give code and words for a name without an address."""
    codes = {reply.code for reply in lookup.replies}
    if failure.code == "dns_timeout":
        if are_silent(lookup.replies) or not lookup.replies:
            return "dns.resolver_dead", f"cannot be resolved: no name server answered{_silent_ones(lookup)}"
        return "dns.timeout", f"was not resolved in {lookup.seconds:.0f} s, though a name server answers us"
    if failure.number is None:
        return "dns.invalid_name", "is no host name: a label is empty or too long"
    reason, words = FAILURES.get(failure.number, ("server_failure", failure.text))
    if any(reply.addresses for reply in lookup.replies):
        words = f"{words} by way of this system's resolver, though a name server has an address"
    elif reason == "resolver_dead" and codes - {"silent", "unreachable"}:
        reason, words = "server_failure", f"the name server said {', '.join(sorted(codes))}"
    return f"dns.{reason}", f"cannot be resolved: {words}{_silent_ones(lookup)}"


def _silent_ones(lookup: Lookup) -> str:
    silent = [str(reply.server) for reply in lookup.replies if reply.code.startswith(("silent", "unreachable"))]
    return f" ({', '.join(silent)} {'does' if len(silent) == 1 else 'do'} not answer)" if silent else ""


def _wrong(stack: StackConfig, lookup: Lookup, uses: Uses) -> tuple[State, str, str] | None:
    """Compare with where the name should lead, as far as anything says so."""
    found = set(lookup.found)
    if told := stack.dns.expected.get(lookup.name.lower()):
        strange = found - set(told)
        text = f"resolves to {', '.join(sorted(strange))}, and the stack expects {', '.join(told)}"
        return (State.FAIL, "dns.wrong_address", text) if strange else None
    for service, port in uses:
        right = _where_it_listens(stack, service, port, lookup.name)
        if not right or found & right:
            continue
        text = f"resolves to {', '.join(sorted(found))}, but {service} listens on {', '.join(sorted(right))}"
        if _answers(found, port) or not _answers(right, port):
            return State.WARN, "dns.other_address", f"{text}; if that is right, say so in [dns.expected]"
        return State.FAIL, "dns.wrong_address", f"{text} and answers there only: the entry is stale"
    return None


def _where_it_listens(stack: StackConfig, service: str, port: int, name: str) -> set[str]:
    """Give the addresses at which a service of this machine listens, {} where that cannot be told."""
    one = stack.services.get(service)
    if one is None or stack.vantage != "process":
        return set()
    hosts = {host for host, its in one.listens if its == port}
    if hosts & set(EVERYWHERE):
        return host_probe.own_addresses() if one.pid_file else set()
    return set() if name in hosts else {host for host in hosts if is_address(host)}


def _answers(hosts: set[str], port: int) -> bool:
    return any(not try_connect(host, port, seconds=CONNECT_SECONDS).code for host in sorted(hosts)[:4])


def _shadowed(lookup: Lookup) -> str:
    served = {address for reply in lookup.replies for address in reply.addresses}
    if not served or set(lookup.hosts) & served or not set(lookup.hosts) & set(lookup.found):
        return ""
    return f"is {', '.join(lookup.hosts)} in the hosts file, and {', '.join(sorted(served))} for the name servers"
