"""Log collection (part of STA-09): keep what every service wrote to its log files in the last minutes, redacted.

The window is `logs.window_minutes` of the stack (15) by the lines' own time stamps; a file without stamps is taken
whole. At most `logs.max_bytes_per_service` (5 MB) are kept, less where time would run out: head and tail, in pieces
that bear the source's line numbers. What a rotation put aside within the window is read, too, unless it is compressed.
A log that was silent in the window gives its last 64 kB. Of a container the engine gives the last 50,000 lines of the
window, with its own time stamps, whether it runs or not; of these, too, head and tail are kept. Reading one takes 15 s
at most and half of the time that is left; of one that ends before its end the whole lines that had come are kept.
Pass: `logs.collected`, with lines counted by level; a hint, never a verdict. Warn: `logs.missing`, `logs.not_regular`,
`logs.unreadable`, `logs.broken_off` (in the middle of a container's log the engine hung, hung up or gave an error).
Skip: `logs.no_container`. Error: not_permitted; engine.timeout and others of the engine, where it gave nothing at all.
Limits are ours.
Hints, which pass always: `log.<id>` for every known line (docs/signatures.md), matched after redaction, with its
first and last line and the checks that would confirm it, 20 of a service at most; `logs.new_since` for kinds of lines
of level warning or worse that no signature knows and that were not there in the last good run (10 are shown). A run is
good for a service where no signature hit but ordinary ones, and nothing unknown was fatal. So new errors that are not
fatal are new once: the next run knows them. `manage.py forget_baseline --check startup.logs` starts anew.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.container_logs import Spooled, spooled
from diagnostics.checks.each import could_not_look, look_at_each
from diagnostics.checks.recognized import Recognized
from diagnostics.checks.result import Citation, Evidence, Finding, Measurement, State
from diagnostics.checks.seeing import MAX_EVIDENCE_CHARACTERS, Seeing
from diagnostics.checks.unheard import Unheard
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.errors import FileUnusable
from diagnostics.probes.levels import LEVELS, level_of
from diagnostics.probes.logs import Excerpt, Piece, rotated, take_excerpt
from diagnostics.stack import Service, StackConfig

MAX_PIECE_CHARACTERS = MAX_EVIDENCE_CHARACTERS // 2
BYTES_PER_SECOND = (
    300_000.0  # redacted where every line has a secret (measured 600 000 on one idle core); else far more
)
SPARE_SECONDS = 2.0


@dataclass(slots=True)
class Pace:
    """How much can still be redacted: an excerpt cut short is better than a look that is stopped with nothing."""

    services_left: int
    bytes_per_second: float = BYTES_PER_SECOND

    def affordable_bytes(self, seconds_left: float) -> int:
        """Give what one service may take of the time that is left for all."""
        seconds = max(seconds_left - SPARE_SECONDS, 0) / max(self.services_left, 1)
        return int(seconds * self.bytes_per_second)

    def learn(self, taken_bytes: int, seconds: float) -> None:
        """Slow down where this machine is slower than assumed."""
        if taken_bytes > BYTES_PER_SECOND / 3:
            self.bytes_per_second = min(self.bytes_per_second, taken_bytes / max(seconds, 0.001))


@dataclass(slots=True)
class Collected:
    """What one service's files gave so far."""

    unheard: Unheard
    recognized: Recognized = field(default_factory=Recognized)
    counts: Counter[str] = field(default_factory=Counter)
    citations: list[Citation] = field(default_factory=list)
    dropped_bytes: int = 0
    size_bytes: int = 0
    files: int = 0
    broken_off: list[Finding] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    compressed: list[Path] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Logs(Check):
    """Every log file of every service."""

    slug: ClassVar[str] = "startup.logs"
    title: ClassVar[str] = "What the services wrote to their logs"
    suites: ClassVar[frozenset[str]] = frozenset({"health"})
    deadline_seconds: ClassVar[float] = 40.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where log files are described, or containers have logs."""
        return None if _services(stack) else "no service names log_files"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Collect for one service after the other."""
        services = _services(seeing.stack)
        pace = Pace(len(services))
        yield from look_at_each(
            seeing, services, lambda service: _service(seeing, service, pace), named=lambda service: service.name
        )


def _services(stack: StackConfig) -> list[Service]:
    return [one for one in stack.services.values() if one.log_files or stack.vantage == "container"]


def _service(seeing: Seeing, service: Service, pace: Pace) -> Iterator[Finding]:
    if seeing.surroundings.is_container:
        yield from _container(seeing, service, pace)
        return
    settings = seeing.stack.logs
    since = seeing.now() - timedelta(minutes=settings.window_minutes)
    collected = Collected(Unheard(service.name, len(_services(seeing.stack))))
    paths = _paths(service, since, collected)
    left = min(settings.max_bytes_per_service, pace.affordable_bytes(seeing.seconds_left()))
    pace.services_left -= 1
    for number, path in enumerate(paths):
        seeing.seconds_left()
        try:
            excerpt = take_excerpt(path, since=since, max_bytes=left // (len(paths) - number))
        except NotPermitted as refusal:
            yield could_not_look(seeing, refusal, target=str(path))
        except FileUnusable as unusable:
            yield _unusable(service, path, unusable)
        else:
            began = time.monotonic()
            taken = _keep(seeing, excerpt, collected)
            pace.learn(taken, time.monotonic() - began)
            left -= taken
    if collected.files:
        yield from _findings(seeing, service, collected)


def _container(seeing: Seeing, service: Service, pace: Pace) -> Iterator[Finding]:
    """Collect what a service's containers wrote to their standard output and error."""
    settings = seeing.stack.logs
    since = seeing.now() - timedelta(minutes=settings.window_minutes)
    collected = Collected(Unheard(service.name, len(_services(seeing.stack))))
    try:
        with spooled(seeing, service.name, since=since) as logs:
            # After the reading: what that took is not there for the redaction.
            left = min(settings.max_bytes_per_service, pace.affordable_bytes(seeing.seconds_left()))
            for number, one in enumerate(logs):
                excerpt = take_excerpt(one.path, since=since, max_bytes=left // (len(logs) - number))
                left -= _keep_container(seeing, one, excerpt, collected, pace)
    finally:
        pace.services_left -= 1
    if collected.files:
        yield from _findings(seeing, service, collected)
        return
    text = f"{service.name}: there is no container that could have a log"
    yield Finding(state=State.SKIP, code="logs.no_container", message=text, target=service.name)


def _keep_container(seeing: Seeing, one: Spooled, excerpt: Excerpt, collected: Collected, pace: Pace) -> int:
    """Keep what a container's log gave, and give how many bytes that were."""
    began, source = time.monotonic(), f"log of container {one.container}"
    taken = _keep(seeing, excerpt, collected, named=f"{source}, which broke off" if one.broken_off else source)
    collected.dropped_bytes += one.cut_bytes
    pace.learn(taken, time.monotonic() - began)
    if one.broken_off:
        kept = f"{excerpt.size_bytes} bytes that had come are kept" if excerpt.size_bytes else "no whole line had come"
        text = f"{one.container.service}: the {source} broke off: {seeing.clean(one.broken_off)}; {kept}"
        last = tuple(collected.citations[-1:]) if excerpt.size_bytes else ()
        collected.broken_off.append(
            Finding(
                state=State.WARN,
                code="logs.broken_off",
                message=text,
                target=one.container.service,
                citations=last,
            )
        )
    return taken


def _findings(seeing: Seeing, service: Service, collected: Collected) -> Iterator[Finding]:
    """Give the summary first, so that it leads; the hints behind it pass as well."""
    yield _summary(service, collected, seeing.stack.logs.window_minutes)
    yield from collected.broken_off
    yield from collected.recognized.findings(service.name, now=seeing.now())
    if new := collected.unheard.finding(seeing):
        yield new
    collected.unheard.learn(seeing, has_trouble=collected.recognized.has_trouble)


def _paths(service: Service, since: datetime, collected: Collected) -> list[Path]:
    """Give the service's files, each behind what was rotated away from it; the smaller ones leave room for others."""
    paths: list[Path] = []
    for path in service.log_files:
        before, compressed = rotated(path, since=since)
        collected.compressed += compressed
        paths += [*before, path]
    return sorted(dict.fromkeys(paths), key=_size)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _keep(seeing: Seeing, excerpt: Excerpt, collected: Collected, *, named: str = "") -> int:
    """Keep an excerpt as evidence and give how many bytes it took; `named` is its source where that is no file."""
    source = named or str(excerpt.path)
    counted_here = f"{source} (lines counted from this excerpt)"
    collected.files += 1
    collected.size_bytes += excerpt.size_bytes
    collected.dropped_bytes += excerpt.dropped_bytes
    if excerpt.is_silent:
        collected.silent.append(source)
    dropped, taken = excerpt.dropped_bytes, 0
    for piece in chain.from_iterable(map(_split, excerpt.pieces)):
        taken += len(piece.text.encode())
        evidence = seeing.keep(
            "log_excerpt",
            source=source if piece.is_numbered and not named else counted_here,
            content=piece.text,
            first_line=piece.first_line,
            captured_from=excerpt.first_at,
            captured_until=excerpt.last_at,
            dropped_bytes=dropped,
        )
        dropped = 0  # said once
        collected.citations.append(evidence.whole())
        _read(evidence, collected)
    return taken


def _read(evidence: Evidence, collected: Collected) -> None:
    """Count lines by level, and see which are known and which are not; all of it after redaction."""
    known = collected.recognized.read(evidence)
    for position, line in enumerate(evidence.content.split("\n"), start=1):
        if line.strip():
            level = level_of(line)
            collected.counts[level] += 1
            if position not in known:
                collected.unheard.add(line, level, evidence=evidence, position=position)


def _split(piece: Piece) -> Iterator[Piece]:
    """Cut a piece at line borders so that no evidence is longer than one may be."""
    text, line = piece.text, piece.first_line
    while len(text) > MAX_PIECE_CHARACTERS:
        border = text.rfind("\n", 0, MAX_PIECE_CHARACTERS)
        if border < 0:
            break  # one endless line; keeping it cuts its middle out
        yield Piece(line, text[:border], piece.is_numbered)
        line += text.count("\n", 0, border) + 1
        text = text[border + 1 :]
    if text:
        yield Piece(line, text, piece.is_numbered)


def _unusable(service: Service, path: Path, unusable: FileUnusable) -> Finding:
    return Finding(
        state=State.WARN,
        code=f"logs.{unusable.code}",
        message=f"{service.name}: no log can be had, {unusable.text}",
        target=str(path),
    )


def _summary(service: Service, collected: Collected, minutes: int) -> Finding:
    counts = collected.counts
    worst = ", ".join(f"{counts[level]} {level}" for level in LEVELS[:3])
    said = f"{counts.total()} lines of {collected.files} file(s) kept from the last {minutes} min ({worst})"
    if collected.dropped_bytes:
        said += f"; {collected.dropped_bytes} bytes left out between head and tail"
    if collected.silent:
        said += f"; nothing was written in that time to {', '.join(collected.silent)}"
    if collected.compressed:
        said += f"; compressed and not read: {', '.join(str(path) for path in collected.compressed[:5])}"
    if left_out := collected.recognized.left_out:
        said += f"; {left_out} more signatures hit than are shown"
    return Finding(
        state=State.PASS,
        code="logs.collected",
        message=f"{service.name}: {said}",
        target=service.name,
        measured={
            **{f"lines_{level}": Measurement(counts[level]) for level in LEVELS},
            "lines": Measurement(counts.total()),
            "size": Measurement(collected.size_bytes, "B"),
            "dropped": Measurement(collected.dropped_bytes, "B"),
        },
        citations=tuple(collected.citations),
    )
