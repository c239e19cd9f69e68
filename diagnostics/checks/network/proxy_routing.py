"""NET-07: each proxy's configuration is valid, whatever it passes requests to can be connected, and few of them fail.

Of a proxy in a container its own program is asked: `caddy validate` and `caddy adapt`, or `nginx -T`, with the file
that the container was started with (a JSON file of Caddy's is read as it is); of other programs only the log is read.
Of a proxy that is a process the addresses are read from the files that the description names (Caddyfile, *.conf): its
program is not run, as under another user it would judge other rights and another environment.
Fail: `proxy.configuration_invalid` (it goes on with what it has loaded, and will not start again; the line is shown).
Each address is resolved and connected to from the proxy's own network: fail `proxy.upstream_refused`,
`proxy.upstream_unknown` (the name), `proxy.upstream_timeout` (3 s [ours]), `proxy.upstream_unreachable`,
`proxy.upstream_reset`. They are warnings where another of the same group accepts, and where another check fails for it:
network.connections tries the same edge, the engine tells that the service is down, or auth.health_endpoint got a 502 or
504 from this proxy. Warn: `proxy.files_unusable` (what is refused is a certificate or key, as ssl.certificate_files
tells), `proxy.gateway_errors` (from 1 % on the requests of the last 5 minutes ended with 502 or 504 [ours]: at least 3,
and one of the last minute; those of health paths do not count).
Pass: `proxy.configuration_valid`, `proxy.upstream_accepted`, `proxy.answers`. Skip: `proxy.down`. Error: not_permitted,
`proxy.no_program`, `container.no_program`. Thresholds: connect_seconds, gateway_percent, log_minutes.
It cannot see what is loaded where the file was changed since, addresses made at run time (they are counted), and in an
image without bash whether a connection is accepted: BusyBox's nc does not say it. `curl` at the proxy, as guides have
it, tells that something behind it fails, and not what.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.containers import gateway_key, is_unsettled
from diagnostics.checks.each import could_not_look, look_at_each
from diagnostics.checks.edges import edges_of
from diagnostics.checks.passed_on import GatewayLog, Tried, read_gateway_log, try_upstreams
from diagnostics.checks.proxies import Configuration, configuration_in_files, configuration_inside, proxies_of
from diagnostics.checks.result import Citation, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.surroundings import InsideContainer
from diagnostics.probes.could_not_look import CouldNotLook, NotPermitted
from diagnostics.probes.engine_failures import ContainerGone
from diagnostics.probes.errors import ProcessUnknown
from diagnostics.probes.proxy_configuration import OF_FILES, UNKNOWN_HOST
from diagnostics.stack import Service, StackConfig

CONNECT_SECONDS = 3.0
GATEWAY_PERCENT = 1.0
LOG_MINUTES = 5.0
LEAST_ERRORS = 3
SAID = {
    "refused": "refused the connection: nobody listens there",
    "unknown": "has a name that the proxy cannot resolve",
    "timeout": "did not accept a connection within {seconds:g} s",
    "unreachable": "cannot be reached from the proxy",
    "reset": "reset the connection",
}


@dataclass(frozen=True, kw_only=True)
class ProxyRouting(Check):
    """Every service whose role is proxy."""

    slug: ClassVar[str] = "network.proxy_routing"
    title: ClassVar[str] = "Proxies have a valid configuration and reach what they pass requests to"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    requires: ClassVar[tuple[str, ...]] = ("startup.engine",)
    after: ClassVar[tuple[str, ...]] = (
        "startup.container_state",
        "startup.compose_services",
        "network.connections",
        "auth.health_endpoint",
    )
    deadline_seconds: ClassVar[float] = 25.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where there is a proxy."""
        return None if proxies_of(stack) else 'the stack has no service with role = "proxy"'

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Look at one proxy after the other."""
        yield from look_at_each(
            seeing, proxies_of(seeing.stack), partial(_proxy, seeing), named=lambda proxy: proxy.name
        )


def _proxy(seeing: Seeing, proxy: Service) -> Iterator[Finding]:
    """Judge the configuration, then the way to each address, then the log. Raises: CouldNotLook."""
    try:
        configuration = _configuration(seeing, proxy)
    except (ProcessUnknown, CouldNotLook) as refusal:
        # A container that is just being restarted is gone, or refuses, between two calls.
        is_down = isinstance(refusal, ProcessUnknown | ContainerGone) or _is_unsettled(seeing, proxy.name)
        if isinstance(refusal, CouldNotLook) and not is_down:
            raise
        text = seeing.clean(f"{proxy.name} was not looked at: {refusal}")
        yield Finding(state=State.SKIP, code="proxy.down", message=text, target=proxy.name, blocks=False)
        return
    if configuration is not None:
        yield from _validity(seeing, proxy, configuration)
        yield from _upstreams(seeing, proxy, configuration)
    minutes = seeing.threshold("log_minutes", LOG_MINUTES, unit="min")
    yield _log(seeing, proxy, read_gateway_log(seeing, proxy, minutes=minutes.value))


def _configuration(seeing: Seeing, proxy: Service) -> Configuration | None:
    """Give what a proxy is told to do. Raises: ProcessUnknown, CouldNotLook."""
    if not seeing.surroundings.is_container:
        return configuration_in_files(proxy)
    inside = seeing.surroundings.inside(proxy)
    assert isinstance(inside, InsideContainer)
    return configuration_inside(seeing, inside)


def _validity(seeing: Seeing, proxy: Service, configuration: Configuration) -> Iterator[Finding]:
    if configuration.evidence is None:
        return
    state, code = State.PASS, "proxy.configuration_valid"
    said = f"{configuration.program} accepts its configuration"
    if complaint := configuration.complaint:
        is_told = _is_unsettled(seeing, proxy.name)
        state, code = State.WARN if is_told else State.FAIL, "proxy.configuration_invalid"
        said = f"{configuration.program} refuses its configuration, and will not start with it: {complaint}"
        if UNKNOWN_HOST.search(complaint):  # nginx resolves names when it reads them
            code, said = "proxy.upstream_unknown", f"a name in its configuration cannot be resolved: {complaint}"
        elif OF_FILES.search(complaint):
            state, code = State.WARN, "proxy.files_unusable"
    left_out = configuration.upstreams.left_out
    yield Finding(
        state=state,
        code=code,
        message=seeing.clean(f"{proxy.name}: {said}"),
        target=proxy.name,
        measured={
            "upstreams": Measurement(len(configuration.upstreams.found)),
            "not_read": Measurement(left_out),
        },
        citations=(configuration.evidence.whole(),),
        next_checks=("ssl.certificate_files",) if code == "proxy.files_unusable" else (),
        blocks=False,
    )


def _upstreams(seeing: Seeing, proxy: Service, configuration: Configuration) -> Iterator[Finding]:
    if not configuration.upstreams.found:
        return
    limit = seeing.threshold("connect_seconds", CONNECT_SECONDS, unit="s")
    tried = try_upstreams(seeing, proxy, configuration.upstreams.found, seconds=limit.value)
    evidence = seeing.keep(
        "timing",
        source=f"TCP connections of {proxy.name} to what it passes requests to",
        content=[str(one) for one in tried],
    )
    accepting = {one.upstream.group for one in tried if one.is_accepted}
    for line, one in enumerate(tried, start=1):
        if isinstance(one.outcome, NotPermitted):
            yield replace(could_not_look(seeing, one.outcome, target=str(one.edge)), blocks=False)
        else:
            is_told = one.upstream.group in accepting or _is_told(seeing, proxy, one)
            yield _upstream(one, limit, evidence.lines(line), is_told=is_told)


def _is_told(seeing: Seeing, proxy: Service, tried: Tried) -> bool:
    """Say whether another check fails for the same: by the same edge, its service's state, or the proxy's answer."""
    edge = tried.edge
    if edge in edges_of(seeing.stack) or gateway_key(proxy.name) in seeing.handed:
        return True
    return edge.callee in seeing.stack.services and _is_unsettled(seeing, edge.callee)


def _is_unsettled(seeing: Seeing, service: str) -> bool:
    return seeing.surroundings.is_container and is_unsettled(seeing, service)


def _upstream(tried: Tried, limit: Threshold, cited: Citation, *, is_told: bool) -> Finding:
    state, reason = State.PASS, "accepted"
    said = f"accepted a connection in {tried.milliseconds:g} ms"
    if not tried.is_accepted:
        state, reason = State.WARN if is_told else State.FAIL, tried.reason
        said = SAID[reason].format(seconds=limit.value)
    return Finding(
        state=state,
        code=f"proxy.upstream_{reason}",
        message=f"{tried.edge.caller} passes requests to {tried.upstream.address}, which {said}",
        target=str(tried.edge),
        measured={"connect": Measurement(tried.milliseconds, "ms"), "reason": Measurement(tried.text)},
        threshold=limit if reason == "timeout" else None,
        citations=(cited,),
        blocks=False,
    )


def _log(seeing: Seeing, proxy: Service, log: GatewayLog) -> Finding:
    limit = seeing.threshold("gateway_percent", GATEWAY_PERCENT, unit="%")
    is_much = len(log.errors) >= LEAST_ERRORS and log.percent >= limit.value and log.is_failing_now(seeing.now())
    evidence = seeing.keep("log_excerpt", source=f"requests in the log of {proxy.name}", content=_lines(log))
    said = f"{len(log.errors)} of {log.requests} requests in {log.minutes:g} min ended with 502 or 504"
    return Finding(
        state=State.WARN if is_much else State.PASS,
        code="proxy.gateway_errors" if is_much else "proxy.answers",
        message=f"{proxy.name}: {said} ({log.percent:.1f} %)" if log.errors else f"{proxy.name}: {said}",
        target=proxy.name,
        measured={"requests": Measurement(log.requests), "gateway_errors": Measurement(round(log.percent, 2), "%")},
        threshold=limit if is_much else None,
        citations=(evidence.whole(),),
        blocks=False,
    )


def _lines(log: GatewayLog) -> Sequence[str]:
    shown = [f"line {one.line_number}: {one.text}" for one in log.shown]
    return [f"{log.requests} requests, {len(log.errors)} of them with 502 or 504", *shown]
