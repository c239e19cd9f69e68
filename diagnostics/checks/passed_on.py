"""Where a proxy passes requests to: the way there from its own network, and how the requests in its log ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from diagnostics.checks.container_logs import spooled
from diagnostics.checks.edges import Edge, edges_of
from diagnostics.checks.memberships import places_by_service
from diagnostics.checks.roads import Outcome, travel
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.access_log import MAX_LINE, Request, read_requests, request_in
from diagnostics.probes.connecting import Attempt
from diagnostics.probes.could_not_look import CouldNotLook, NotPermitted
from diagnostics.probes.errors import FileUnusable, ProbeFailure
from diagnostics.probes.hostnames import is_address
from diagnostics.probes.proxy_configuration import Upstream
from diagnostics.probes.timestamps import engine_time
from diagnostics.stack import Service

GATEWAY = (502, 504)
NO_SUCH_KEY = 2  # of getent(1)
NOW_SECONDS = 60.0
SHOWN = 20
MAX_LOG_BYTES = 2_000_000
UNRESOLVED = frozenset({"dns", "dns_timeout"})


@dataclass(frozen=True, slots=True)
class Tried:
    """One address of a proxy, and what came of connecting to it."""

    upstream: Upstream
    edge: Edge
    outcome: Outcome

    @property
    def is_accepted(self) -> bool:
        """Say whether the connection came about."""
        return isinstance(self.outcome, Attempt) and not self.outcome.code

    @property
    def reason(self) -> str:
        """Give why it did not: refused, unknown, timeout, unreachable or reset."""
        code = self.outcome.code
        return "unknown" if code in UNRESOLVED else code

    @property
    def milliseconds(self) -> float:
        """Give how long the connect took."""
        return self.outcome.milliseconds if isinstance(self.outcome, Attempt) else 0.0

    @property
    def text(self) -> str:
        """Give it in words."""
        return self.outcome.text if isinstance(self.outcome, Attempt) else str(self.outcome)

    def __str__(self) -> str:
        """Give one line for evidence."""
        return f"{self.edge}: {self.outcome.code or 'accepted'} after {self.milliseconds:g} ms: {self.text}"


def try_upstreams(seeing: Seeing, proxy: Service, upstreams: Sequence[Upstream], *, seconds: float) -> list[Tried]:
    """Connect to each address as the proxy does.

    Raises: CouldNotLook.
    """
    edges = [Edge(proxy.name, _service_at(seeing, one), one.host, one.port) for one in upstreams]
    unknown = _unknown_names(seeing, proxy, {one.host for one in upstreams})
    known = [edge for edge in edges if edge.host not in unknown]
    outcomes = {one.edge: one.outcome for one in travel(seeing, known, seconds=seconds)}
    lost = {edge: Attempt("dns", f"{edge.host} does not resolve in its container", 0.0) for edge in edges}
    return [Tried(one, edge, outcomes.get(edge, lost[edge])) for one, edge in zip(upstreams, edges, strict=True)]


def _service_at(seeing: Seeing, upstream: Upstream) -> str:
    """Give the service that an address leads to; the host itself where nothing says it."""
    for edge in edges_of(seeing.stack):
        if (edge.host, edge.port) == (upstream.host, upstream.port):
            return edge.callee
    if seeing.surroundings.is_container and upstream.host not in seeing.stack.services:
        for service, places in places_by_service(seeing).items():
            if any(upstream.host.lower() in {place.address, *place.names} for place in places):
                return service
    return upstream.host


def _unknown_names(seeing: Seeing, proxy: Service, hosts: set[str]) -> set[str]:
    """Give the names that do not resolve in a proxy's container; on this machine whoever connects says it."""
    if not seeing.surroundings.is_container:
        return set()
    return {host for host in hosts if not is_address(host) and _is_unknown(seeing, proxy, host)}


def _is_unknown(seeing: Seeing, proxy: Service, host: str) -> bool:
    container = seeing.surroundings.container(proxy.name)
    try:
        code, _ = seeing.surroundings.engine().run(container, ["getent", "ahosts", host])
    except (CouldNotLook, ProbeFailure):  # then connecting may tell
        return False
    return code == NO_SUCH_KEY


@dataclass(frozen=True, slots=True)
class GatewayLog:
    """The requests of a proxy's log, without those of health paths, as what is broken is asked most often."""

    minutes: float
    requests: int
    errors: tuple[Request, ...]  # 502 and 504

    @property
    def percent(self) -> float:
        """Give the share of errors."""
        return 100 * len(self.errors) / self.requests if self.requests else 0.0

    @property
    def shown(self) -> Sequence[Request]:
        """Give the last errors."""
        return self.errors[-SHOWN:]

    def is_failing_now(self, now: datetime) -> bool:
        """Say whether the last error is of the last minute; of a log without times it may be."""
        last = self.errors[-1].at if self.errors else None
        return last is None or (now - last).total_seconds() <= NOW_SECONDS


def read_gateway_log(seeing: Seeing, proxy: Service, *, minutes: float) -> GatewayLog:
    """Read the log of a proxy's containers, or its log files.

    Raises: EngineFailure, NotPermitted.
    """
    since = seeing.now() - timedelta(minutes=minutes)
    read = _of_containers if seeing.surroundings.is_container else _of_files
    health = {one.health_path for one in seeing.stack.endpoints.values()}
    found = [one for one in read(seeing, proxy, since) if one.path.partition("?")[0] not in health]
    return GatewayLog(minutes, len(found), tuple(one for one in found if one.status in GATEWAY))


def _of_files(seeing: Seeing, proxy: Service, since: datetime) -> Iterator[Request]:
    for path in proxy.log_files:
        with suppress(FileUnusable, NotPermitted):  # the finding of startup.logs
            yield from read_requests(path, since=since, max_bytes=MAX_LOG_BYTES)


def _of_containers(seeing: Seeing, proxy: Service, since: datetime) -> Iterator[Request]:
    with spooled(seeing, proxy.name, since=since) as logs:
        for log in logs:
            with log.path.open(errors="replace") as lines:
                for number, line in enumerate(lines, start=1):
                    stamp, _, said = line.rstrip("\n").partition(" ")
                    if request := request_in(said[:MAX_LINE], number):
                        yield replace(request, at=request.at or engine_time(stamp))
