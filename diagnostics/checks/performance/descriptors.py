"""PRF-06: open files, threads and processes of every service, against the limits at which the next one fails.

Of each service that names a pid_file its process and all children are looked at; the fullest one counts. So are those
of containers where the engine's host is this machine, as that costs the container nothing; else every process of it, by
a shell in it that only reads /proc, and without a shell the engine's count of processes is left.
Warn at 80 %, fail at 95 % [ours]: `descriptors.open_files` (of the soft limit, /proc/PID/limits),
`descriptors.user_threads` (of all processes of its user, of the soft limit "Max processes"; root has none; seen from
inside, those of other containers are missing, which count for the kernel),
`descriptors.processes` (of the pids cgroup around it, v1 or v2, the fullest of those above it included).
Pass: `descriptors.room`. Skip: `descriptors.no_process` (the service does not run; other checks say so).
Error: not_permitted, where the process belongs to another user; container.gone, engine.timeout.
Thresholds: percent, fail_percent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import psutil

from diagnostics.checks.base import Check
from diagnostics.checks.container_loads import running_containers
from diagnostics.checks.descriptors_inside import Inside, all_inside
from diagnostics.checks.each import could_not_look, look_at_each
from diagnostics.checks.engine_host import is_this_machine
from diagnostics.checks.result import Evidence, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.descriptors import Count, open_files, pids_of_its_cgroup, threads, threads_of_its_user
from diagnostics.probes.engine import Seen
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
    """Each service with a pid file, or each container that runs."""

    slug: ClassVar[str] = "performance.descriptors"
    title: ClassVar[str] = "Services are far from their limits of open files, threads and processes"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    requires: ClassVar[tuple[str, ...]] = ("startup.engine",)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply to containers, and to processes of this host."""
        if stack.vantage == "container":
            return None
        return None if _services(stack) else "no service names a pid_file"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Look at all containers at once, or at one service after the other."""
        if seeing.surroundings.is_container:
            yield from _containers(seeing)
            return
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
    yield from _found(seeing, service.name, held, f"/proc of the processes of {service.name}")


def _found(seeing: Seeing, service: str, held: Held, source: str) -> Iterator[Finding]:
    evidence = seeing.keep("command", source=source, content=held.lines)
    findings = [one for kind in held.counts for one in _full(seeing, service, held, kind, evidence)]
    yield from findings or [_room(service, held, evidence)]


def _containers(seeing: Seeing) -> Iterator[Finding]:
    is_here = is_this_machine(seeing.stack, seeing.surroundings.engine().info())
    containers = running_containers(seeing)
    here = {one.id: held for one in containers if is_here and (held := _held_here(one))}
    seen = all_inside(seeing, [one for one in containers if one.id not in here])
    for container in containers:
        if container.id in here:
            yield from _found(seeing, container.service, here[container.id], f"/proc of the processes of {container}")
    for one in seen:
        service = one.container.service
        yield from (could_not_look(seeing, refusal, target=service) for refusal in one.refusals[:1])
        if one.processes or one.pids:
            yield from _found(seeing, service, _held_inside(one), f"processes of {one.container}")
    looked_at = {one.service for one in containers if one.id in here} | {one.container.service for one in seen}
    for name in seeing.stack.services:
        if name not in looked_at:
            text = f"{name}: no container of it runs"
            yield Finding(state=State.SKIP, code="descriptors.no_process", message=text, target=name)


def _held_here(container: Seen) -> Held | None:
    """Count for a container's processes as this machine sees them; None where it does not, or may not."""
    try:
        first = psutil.Process(int(container.state.get("Pid") or 0))
        around = Path(f"/proc/{first.pid}/cgroup").read_text()
        return _held(family_of(first)) if container.id in around else None
    except (psutil.Error, OSError, ProcessUnknown, NotPermitted):
        return None


def _held_inside(inside: Inside) -> Held:
    """Count for the processes of a container."""
    held = Held()
    for one in inside.processes:
        held.note("open_files", one.open_files, str(one))
        held.threads += one.threads
        files = f"{one.open_files.used} open files of {one.open_files.limit or 'any number'}" if one.open_files else ""
        held.lines.append(f"{one}: {files or 'open files that may not be seen'}, {one.threads} threads")
    del held.lines[SHOWN_PROCESSES:]
    for user in {one.uid: one for one in inside.processes if one.uid and one.thread_limit}.values():
        used = sum(one.threads for one in inside.processes if one.uid == user.uid)
        held.note("user_threads", Count(used, user.thread_limit), str(user))
    if inside.pids:
        held.lines.append(f"{inside.pids.used} of {inside.pids.limit or 'any number of'} {WORDS['processes']}")
        if inside.pids.limit:
            held.note("processes", inside.pids, f"container {inside.container.name}")
    return held


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


def _full(seeing: Seeing, service: str, held: Held, kind: str, evidence: Evidence) -> Iterator[Finding]:
    count, who = held.counts[kind]
    warn = seeing.threshold("percent", PERCENT["warn"], unit="%")
    fail = seeing.threshold("fail_percent", PERCENT["fail"], unit="%")
    limit = next((one for one in (fail, warn) if count.percent >= one.value), None)
    if limit is None:
        return
    yield Finding(
        state=State.FAIL if limit is fail else State.WARN,
        code=f"descriptors.{kind}",
        message=f"{service}: {who} has {count.used} of the {count.limit} {WORDS[kind]} ({count.percent:.0f} %)",
        target=service,
        measured=_measured(held),
        threshold=limit,
        citations=(evidence.whole(),),
    )


def _room(service: str, held: Held, evidence: Evidence) -> Finding:
    fullest = held.counts.get("open_files")
    files = f"{fullest[0].used} open files of {fullest[0].limit or 'any number'}" if fullest else "no file that is seen"
    return Finding(
        state=State.PASS,
        code="descriptors.room",
        message=f"{service}: {files}, {held.threads} threads",
        target=service,
        measured=_measured(held),
        citations=(evidence.whole(),),
    )


def _measured(held: Held) -> dict[str, Measurement]:
    counts = {kind: Measurement(count.used) for kind, (count, _) in held.counts.items()}
    return {**counts, "threads": Measurement(held.threads)}
