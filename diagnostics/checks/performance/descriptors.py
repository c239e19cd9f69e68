"""PRF-06: open files, threads and processes of every service, against the limits at which the next one fails.

Of each service that names a pid_file its process and all children are looked at; the fullest one counts.
Warn at 80 %, fail at 95 % [ours]: `descriptors.open_files` (of the soft limit, /proc/PID/limits),
`descriptors.user_threads` (of all processes of its user, of the soft limit "Max processes"; root has none),
`descriptors.processes` (of the pids cgroup around it, v1 or v2, the fullest of those above it included).
Pass: `descriptors.room`. Skip: `descriptors.no_process` (the service does not run; other checks say so).
Error: not_permitted, where the process belongs to another user. Thresholds: percent, fail_percent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import psutil

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.result import Evidence, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.descriptors import Count, open_files, pids_of_its_cgroup, threads, threads_of_its_user
from diagnostics.probes.errors import ProcessUnknown
from diagnostics.probes.host import described, family_of, process_of
from diagnostics.stack import Service, StackConfig

PERCENT = {"warn": 80.0, "fail": 95.0}
SHOWN_PROCESSES = 50
WORDS = {
    "open_files": "open files",
    "user_threads": "threads that its user may have",
    "processes": "processes that its cgroup may have",
}


@dataclass(slots=True)
class Held:
    """What a service holds: the fullest count of each kind, by whom."""

    counts: dict[str, tuple[Count, str]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    threads: int = 0

    def note(self, kind: str, count: Count | None, who: str) -> None:
        """Keep a count where it is the fullest of its kind."""
        if count is not None and (kind not in self.counts or count.percent > self.counts[kind][0].percent):
            self.counts[kind] = count, who


@dataclass(frozen=True, kw_only=True)
class Descriptors(Check):
    """Each service with a pid file."""

    slug: ClassVar[str] = "performance.descriptors"
    title: ClassVar[str] = "Services are far from their limits of open files, threads and processes"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only to processes of this host."""
        if stack.vantage != "process":
            return "the stack runs in containers; their processes are not looked at from here"
        return None if _services(stack) else "no service names a pid_file"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Look at one service after the other."""
        yield from look_at_each(
            seeing, _services(seeing.stack), lambda one: _service(seeing, one), named=lambda one: one.name
        )


def _services(stack: StackConfig) -> list[Service]:
    return [one for one in stack.services.values() if one.pid_file]


def _service(seeing: Seeing, service: Service) -> Iterator[Finding]:
    seeing.seconds_left()
    assert service.pid_file is not None
    try:
        family = family_of(process_of(service.pid_file))
        held = _held(family)
    except ProcessUnknown as unknown:
        text = seeing.clean(f"{service.name}: {unknown.text}")
        yield Finding(state=State.SKIP, code="descriptors.no_process", message=text, target=service.name)
        return
    evidence = seeing.keep("command", source=f"/proc of the processes of {service.name}", content=held.lines)
    findings = [one for kind in held.counts for one in _full(seeing, service, held, kind, evidence)]
    yield from findings or [_room(service, held, evidence)]


def _held(family: list[psutil.Process]) -> Held:
    """Count for the process and its children; a child that ends meanwhile is left out."""
    held, first = Held(), family[0].pid
    for process in family:
        who = described(process.pid)
        try:
            files, count = open_files(process.pid), threads(process.pid)
        except ProcessUnknown:
            if process.pid == first:
                raise
            continue
        except NotPermitted:
            if process.pid == first:
                raise
            files, count = Count(0, None), threads(process.pid)
        held.note("open_files", files, who)
        held.threads += count
        if len(held.lines) < SHOWN_PROCESSES:
            held.lines.append(f"{who}: {files.used} open files of {files.limit or 'any number'}, {count} threads")
    held.note("user_threads", threads_of_its_user(first), described(first))
    held.note("processes", pids_of_its_cgroup(first), described(first))
    for kind in ("user_threads", "processes"):
        if kind in held.counts:
            count_of_kind = held.counts[kind][0]
            held.lines.append(f"{count_of_kind.used} of {count_of_kind.limit} {WORDS[kind]}")
    return held


def _full(seeing: Seeing, service: Service, held: Held, kind: str, evidence: Evidence) -> Iterator[Finding]:
    count, who = held.counts[kind]
    warn = seeing.threshold("percent", PERCENT["warn"], unit="%")
    fail = seeing.threshold("fail_percent", PERCENT["fail"], unit="%")
    limit = next((one for one in (fail, warn) if count.percent >= one.value), None)
    if limit is None:
        return
    yield Finding(
        state=State.FAIL if limit is fail else State.WARN,
        code=f"descriptors.{kind}",
        message=f"{service.name}: {who} has {count.used} of the {count.limit} {WORDS[kind]} ({count.percent:.0f} %)",
        target=service.name,
        measured=_measured(held),
        threshold=limit,
        citations=(evidence.whole(),),
    )


def _room(service: Service, held: Held, evidence: Evidence) -> Finding:
    files = held.counts["open_files"][0]
    return Finding(
        state=State.PASS,
        code="descriptors.room",
        message=f"{service.name}: {files.used} open files of {files.limit or 'any number'}, {held.threads} threads",
        target=service.name,
        measured=_measured(held),
        citations=(evidence.whole(),),
    )


def _measured(held: Held) -> dict[str, Measurement]:
    counts = {kind: Measurement(count.used) for kind, (count, _) in held.counts.items()}
    return {**counts, "threads": Measurement(held.threads)}
