"""STA-01: the container engine of the stack answers: ping and version, within 5 s [ours].

Pass: `engine.answered`, with the versions. Fail, each with what to do: `engine.permission` (this process is not in the
group of the socket), `engine.no_socket` (the daemon is stopped, or its socket is not mounted), `engine.refused`,
`engine.dns`, `engine.unreachable`, `engine.tls`, `engine.timeout` (it accepts and never answers), `engine.closed`,
`engine.protocol`, `engine.not_allowed` (a proxy in front refuses the call), `engine.other`; over SSH also
`engine.ssh_refused` (no key that is let in), `engine.ssh_host_key`, `engine.no_program` (no docker on the other host)
and `engine.ssh`. All other checks of containers are then skipped. Only for the container vantage. Reading needs no
more than the calls listed in `diagnostics/probes/engine.py`: a read-only proxy may stand in front of the socket.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from diagnostics.checks.base import Check
from diagnostics.checks.result import Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.stack import Engine, StackConfig

NO_CONTAINERS = "the stack runs as processes, without a container engine"


@dataclass(frozen=True, kw_only=True)
class EngineAnswers(Check):
    """The engine that [engine] names."""

    slug: ClassVar[str] = "startup.engine"
    title: ClassVar[str] = "The container engine answers"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "ssl", "database", "auth"})

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only to stacks of containers."""
        return None if stack.vantage == "container" else NO_CONTAINERS

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Ask for its version."""
        described = seeing.stack.engine
        assert described is not None
        try:
            version = seeing.surroundings.engine().version()
        except CouldNotLook as refusal:
            yield _refused(seeing, described, refusal)
            return
        names = ("Version", "ApiVersion", "MinAPIVersion", "Os", "Arch", "KernelVersion")
        lines = [f"{name}: {version[name]}" for name in names if name in version]
        evidence = seeing.keep("command", source=f"version of {described.url}", content=lines)
        yield Finding(
            state=State.PASS,
            code="engine.answered",
            message=f"the engine at {described.url} answered: version {version.get('Version', 'unknown')}",
            target=described.url,
            measured={"api_version": Measurement(str(version.get("ApiVersion", "")))},
            citations=(evidence.whole(),),
        )


def _refused(seeing: Seeing, described: Engine, refusal: CouldNotLook) -> Finding:
    lines = [f"{refusal.code}: {refusal}", *_socket_facts(described.url)]
    evidence = seeing.keep("command", source=f"version of {described.url}", content=lines)
    return Finding(
        state=State.FAIL,
        code=refusal.code,
        message=seeing.clean(str(refusal)),
        target=described.url,
        citations=(evidence.whole(),),
    )


def _socket_facts(url: str) -> Iterator[str]:
    """Say whose the socket is and who we are, which decides over a permission."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return
    with contextlib.suppress(OSError):
        facts = Path(parts.path).stat()
        yield f"{parts.path}: mode {stat.S_IMODE(facts.st_mode):04o}, owner {facts.st_uid}, group {facts.st_gid}"
    yield f"we are user {os.geteuid()} in the groups {', '.join(map(str, sorted({os.getegid(), *os.getgroups()})))}"
