"""AGT-07: whether the agents' tools work: how their last uses ended, and whether what they speak to can be connected.

How uses ended is read from the table of runs where `[agents.runs]` names its column of tools (last hour), and else from
the log files of the workers (the stack's window): Celery's lines, JSON lines with `tool`, and `tool=NAME` with a word
such as done, failed or giving up before it. One of several attempts does not count, the last word on them does.
The address of each `[tools.*]` is connected to from where its service runs (its own network namespace, or inside its
container), and taken from the environment of its process where `environment_variable` names it; nothing is sent.
Fail: `tools.failing` (all of the last ten uses of a tool failed [ours]), `tools.refused`, `tools.timeout` (3 s),
`tools.unreachable`, `tools.reset`, `tools.dns` (of a tool's address). Warn: `tools.errors` (of at least 5 uses a larger
share failed than three times what is usual here, at least 20 %; 50 % until enough is known [ours]).
Pass: `tools.work`, `tools.connected`. Skip: `tools.own_endpoint` (the address is one of the stack's own endpoints, or
of a container of it that is not healthy: other checks tell that), `tools.no_process`. Error: not_permitted,
`tools.url_unknown`, those of the table.
Thresholds: last_uses, errors_percent, connect_seconds, window_minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import ClassVar
from urllib.parse import urlsplit

from diagnostics.checks.base import Check
from diagnostics.checks.containers import is_unsettled
from diagnostics.checks.each import could_not_look, look_at_each
from diagnostics.checks.edges import spoken_to
from diagnostics.checks.outward import outlook_of
from diagnostics.checks.result import Citation, Finding, Measurement, State, Threshold
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.tools_used import Used, read_uses
from diagnostics.checks.watching import watchers_before
from diagnostics.probes.connecting import Attempt, try_connect
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.engine import Seen
from diagnostics.probes.errors import ProcessUnknown
from diagnostics.probes.namespaces import foreign_network, inside
from diagnostics.stack import StackConfig, Tool

CONNECT_SECONDS = 3.0
LAST_USES = 10.0
LEAST_USES = 5
ERRORS_PERCENT, LEAST_PERCENT, TIMES_USUAL = 50.0, 20.0, 3.0
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class Tools(Check):
    """Every tool that is described or was used."""

    slug: ClassVar[str] = "agents.tools"
    title: ClassVar[str] = "Tools of the agents work, and reach what they speak to"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    requires: ClassVar[tuple[str, ...]] = ("database.postgres_direct", "database.migrations")
    after: ClassVar[tuple[str, ...]] = watchers_before(slug)
    deadline_seconds: ClassVar[float] = 20.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where tools are described, or the runs of tools."""
        has_runs = stack.agents and stack.agents.runs and stack.agents.runs.tool
        return None if stack.tools or has_runs else "the stack describes no [tools.*], and no runs with a tool"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Read how uses ended, then connect to each address."""
        try:
            for used in read_uses(seeing):
                yield _judged(seeing, used)
        except CouldNotLook as error:
            yield could_not_look(seeing, error, target=error.target or "runs of tools")
        addressed = [one for one in seeing.stack.tools.values() if one.url or one.environment_variable]
        yield from look_at_each(seeing, addressed, partial(_connected, seeing), named=lambda one: one.name)


def _judged(seeing: Seeing, used: Used) -> Finding:
    last = seeing.threshold("last_uses", LAST_USES, unit="")
    key = f"{used.tool} errors"
    limit = seeing.usual_threshold(
        "errors_percent", ERRORS_PERCENT, key=key, times=TIMES_USUAL, unit="%", at_least=LEAST_PERCENT
    )
    recent, threshold = used.newest(int(last.value)), None
    state, code = State.PASS, "tools.work"
    said = f"{used.failed} of {used.count} uses in {used.minutes:g} min failed"
    if len(recent) >= last.value and not any(recent):
        state, code, threshold = State.FAIL, "tools.failing", last
        said = f"all of the last {len(recent)} uses failed"
    elif used.count >= LEAST_USES and used.percent > limit.value:
        state, code, threshold = State.WARN, "tools.errors", limit
    elif used.count >= LEAST_USES:
        seeing.learn(key, used.percent)
    return Finding(
        state=state,
        code=code,
        message=seeing.clean(f"{used.tool}: {said}"),
        target=used.tool,
        measured={"uses": Measurement(used.count), "errors": Measurement(round(used.percent, 1), "%")},
        threshold=threshold,
        citations=used.citations,
    )


def _connected(seeing: Seeing, tool: Tool) -> Iterator[Finding]:
    limit = seeing.threshold("connect_seconds", CONNECT_SECONDS, unit="s")
    try:
        host, port = _address(tool, tool.url or _url_of_process(seeing, tool))
        attempt = _attempt(seeing, tool, host, port, limit)
    except ProcessUnknown as unknown:
        text = seeing.clean(f"{tool.name}: {unknown.text}")
        yield Finding(state=State.SKIP, code="tools.no_process", message=text, target=tool.name)
        return
    evidence = seeing.keep(
        "timing",
        source=f"TCP connection to {host}:{port} from where {tool.service} runs",
        content=[f"{attempt.code or 'accepted'} after {attempt.milliseconds:g} ms: {attempt.text}"],
    )
    is_own = _is_told_elsewhere(seeing, host, port) if attempt.code else False
    yield _of_attempt(seeing, tool, f"{host}:{port}", attempt, limit, evidence.whole(), is_own=is_own)


def _url_of_process(seeing: Seeing, tool: Tool) -> str:
    """Give the address as the tool's service has it. Raises: ProcessUnknown, CouldNotLook."""
    name = tool.environment_variable or ""
    found = seeing.surroundings.inside(tool.service).environment([name])
    if not found.get(name):
        raise CouldNotLook(f"{name} is not in the environment of {tool.service}", code="tools.url_unknown")
    return found[name]


def _address(tool: Tool, url: str) -> tuple[str, int]:
    """Give host and port. Raises: CouldNotLook, which does not quote the URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme)
    except ValueError:
        host, port = None, None
    if not host or not port:
        raise CouldNotLook(f"the address of {tool.name} is not a URL with a host", code="tools.url_unknown")
    return host, port


def _is_told_elsewhere(seeing: Seeing, host: str, port: int) -> bool:
    """Say whether other checks report that nobody answers at an address."""
    if (host, port) in spoken_to(seeing.stack):
        return True
    if not (seeing.surroundings.is_container and host in seeing.stack.services):
        return False
    return not any(_is_healthy(one) for one in seeing.surroundings.containers().get(host, []))


def _is_healthy(container: Seen) -> bool:
    health = container.state.get("Health") or {}
    return container.status == "running" and health.get("Status", "healthy") == "healthy"


def _attempt(seeing: Seeing, tool: Tool, host: str, port: int, limit: Threshold) -> Attempt:
    """Connect from where the tool's service runs, or from here where it has no process.

    Raises: NotPermitted, ProcessUnknown (its container does not stay up), EngineFailure.
    """
    if seeing.surroundings.is_container:
        return _attempt_inside(seeing, tool.service, host, port, seconds=seeing.seconds_left(at_most=limit.value))
    look = partial(try_connect, host, port, seconds=seeing.seconds_left(at_most=limit.value))
    pid_file, network = seeing.stack.services[tool.service].pid_file, None
    if pid_file is not None:
        with suppress(ProcessUnknown):
            network = foreign_network(pid_file)
    return look() if network is None else inside(network, look)


def _attempt_inside(seeing: Seeing, service: str, host: str, port: int, *, seconds: float) -> Attempt:
    """Connect from inside a container; of one that ends meanwhile no failure says anything."""
    seeing.surroundings.inside(service)
    attempt = outlook_of(seeing, service).connect(host, port, seconds=seconds)
    if attempt.code:
        seeing.surroundings.containers(anew=True)
        if is_unsettled(seeing, service):
            raise ProcessUnknown("container.unsettled", f"the container of {service} does not stay up")
    return attempt


def _of_attempt(
    seeing: Seeing, tool: Tool, place: str, attempt: Attempt, limit: Threshold, cited: Citation, *, is_own: bool
) -> Finding:
    state, code = State.PASS, "tools.connected"
    said = f"{place} accepted a connection in {attempt.milliseconds:g} ms"
    if attempt.code:
        state, code = (State.SKIP, "tools.own_endpoint") if is_own else (State.FAIL, f"tools.{attempt.code}")
        said = f"{place}, which it speaks to, cannot be connected: {attempt.text}"
    return Finding(
        state=state,
        code=code,
        message=seeing.clean(f"{tool.name}: {said}"),
        target=tool.name,
        measured={"connect": Measurement(attempt.milliseconds, "ms")},
        threshold=limit if attempt.code == "timeout" else None,
        citations=(cited,),
    )
