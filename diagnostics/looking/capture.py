"""Capture what a stack knows of itself, for a bug report: environment, Docker Compose version, logs of the window.

Each field is captured alone and in a process that can be killed, redacted before it leaves it, and bounded in size;
what cannot be had says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from diagnostics.checks.result import legible
from diagnostics.looking.redacting import stack_redactor
from diagnostics.probes.compose import compose_version
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.errors import FileUnusable, ProbeFailure
from diagnostics.probes.logs import rotated, take_excerpt
from diagnostics.redaction import Redactor
from diagnostics.stack import SecretResolver, Service, StackConfig

MAX_TEXT_BYTES = 64_000  # of one field: a report is read by people
COMPOSE_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """Everything that a capture needs; crosses the process boundary, never the broker."""

    name: str  # of the field
    stack: StackConfig
    until: datetime  # the end of the window: when the report was filed
    redaction_key: bytes = field(repr=False)
    stored_secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What was captured of one field: its text, redacted, or why there is none."""

    captured_at: datetime
    source: str
    text: str = ""
    reason: str = ""
    rule_set_version: str = ""
    redactions: Mapping[str, int] = field(default_factory=dict)
    dropped_bytes: int = 0


class NothingToCapture(Exception):
    """There is nothing to be had; the message says why."""


@dataclass(slots=True)
class _Capturing:
    """One capture's surroundings; every text goes through the redactor."""

    request: CaptureRequest
    redactor: Redactor
    source: str
    rule_set_version: str = ""
    redactions: Counter[str] = field(default_factory=Counter)
    dropped_bytes: int = 0

    @property
    def stack(self) -> StackConfig:
        return self.request.stack

    def clean(self, text: str) -> str:
        """Redact a text and count what was taken out."""
        redacted = self.redactor.text(text)
        self.rule_set_version = redacted.receipt.rule_set_version
        self.redactions.update(redacted.receipt.counts)
        return legible(redacted.text)


def take_capture(request: CaptureRequest) -> Captured:
    """Capture one field here and now; what keeps us from it is the reason why there is none."""
    capture, at = CAPTURES[request.name], datetime.now(UTC)
    source = capture.source
    try:
        capturing = _Capturing(request, _redactor(request), source)
        try:
            text = capture.take(capturing)
        except (CouldNotLook, ProbeFailure, NothingToCapture) as error:
            return Captured(captured_at=at, source=source, reason=capturing.clean(str(error)))
        return Captured(
            captured_at=at,
            source=capturing.clean(capturing.source),
            text=_bounded(text, capturing),
            rule_set_version=capturing.rule_set_version,
            redactions=dict(capturing.redactions),
            dropped_bytes=capturing.dropped_bytes,
        )
    except Exception as error:  # only its kind: its words may hold what was being looked at
        return Captured(captured_at=at, source=source, reason=f"the capture itself failed: {type(error).__name__}")


def _redactor(request: CaptureRequest) -> Redactor:
    resolver = SecretResolver(request.stack.root, request.stored_secrets)
    stored = {f"db:{name}": value for name, value in request.stored_secrets.items()}
    known = stored | resolver.revealed(request.stack.secret_references())
    return stack_redactor(request.stack, key=request.redaction_key, secrets=known)


def _environment(capturing: _Capturing) -> str:
    return capturing.stack.environment


def _compose_version(capturing: _Capturing) -> str:
    if capturing.stack.vantage != "container":
        raise NothingToCapture("the stack is described as processes: Docker Compose does not run it")
    answer = compose_version(seconds=COMPOSE_SECONDS)
    capturing.source = f"`{answer.command}`, where the service's worker runs"
    return capturing.clean(answer.text)


def _logs(capturing: _Capturing) -> str:
    services = [service for service in capturing.stack.services.values() if service.log_files]
    if not services:
        raise NothingToCapture("no service of the stack's description names log_files")
    minutes = capturing.stack.logs.window_minutes
    since = capturing.request.until - timedelta(minutes=minutes)
    lines, notes = list[str](), list[str]()
    for service in services:
        found, lacking = _lines_of(service, since, MAX_TEXT_BYTES // len(services), capturing)
        lines, notes = lines + found, notes + lacking
    if not lines:
        raise NothingToCapture("; ".join(notes))
    names = ", ".join(service.name for service in services)
    capturing.source = f"log files of {names}, from {minutes} min before the report was filed"
    return "\n".join([*lines, *(f"[{note}]" for note in notes)])


def _lines_of(service: Service, since: datetime, room: int, capturing: _Capturing) -> tuple[list[str], list[str]]:
    """Give the lines of a service's logs as Compose shows them, and what of them cannot be had."""
    lines, notes = list[str](), list[str]()
    paths = [path for named in service.log_files for path in (*rotated(named, since=since)[0], named)]
    for path in paths:
        try:
            excerpt = take_excerpt(path, since=since, max_bytes=room // len(paths))
        except (CouldNotLook, FileUnusable) as refusal:
            notes.append(capturing.clean(f"{service.name}: {refusal}"))
            continue
        if excerpt.is_silent or not excerpt.size_bytes:
            notes.append(capturing.clean(f"{service.name}: nothing was written to {path} in the window"))
            continue
        capturing.dropped_bytes += excerpt.dropped_bytes
        for number, piece in enumerate(excerpt.pieces):
            lines += [_left_out(excerpt.dropped_bytes)] if number else []
            lines += [f"{service.name} | {line}" for line in capturing.clean(piece.text).split("\n")]
    return lines, notes


def _bounded(text: str, capturing: _Capturing) -> str:
    """Leave out the middle of what is too long, at line borders where there are any."""
    data = text.encode()
    if len(data) <= MAX_TEXT_BYTES:
        return text
    head, tail = data[: MAX_TEXT_BYTES // 2], data[-MAX_TEXT_BYTES // 2 :]
    head, tail = head.rpartition(b"\n")[0] or head, tail.partition(b"\n")[2] or tail
    left_out = len(data) - len(head) - len(tail)
    capturing.dropped_bytes += left_out
    return "\n".join((head.decode(errors="ignore"), _left_out(left_out), tail.decode(errors="ignore")))


def _left_out(number: int) -> str:
    return f"[... {number:,} bytes left out ...]"


class Capture(NamedTuple):
    """How a field is captured: where from, how long that may take, and by what."""

    source: str
    seconds: float
    take: Callable[[_Capturing], str]


CAPTURES = {
    "environment": Capture("the stack's description", 5.0, _environment),
    "docker_compose_version": Capture("Docker Compose, where the service's worker runs", 10.0, _compose_version),
    "container_logs": Capture("the services' log files", 15.0, _logs),
}
