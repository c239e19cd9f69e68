"""Capture what a stack knows of itself, for a bug report: environment, Docker Compose version, logs of the window.

Each field is captured alone and in a process that can be killed, redacted before it leaves it, and bounded in size;
what cannot be had says why.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from diagnostics.looking import captured_logs
from diagnostics.looking.capturing import MAX_TEXT_BYTES, Captured, CaptureRequest, Capturing, NothingToCapture
from diagnostics.looking.redacting import stack_redactor
from diagnostics.probes.compose import ComposeUnavailable, compose_version
from diagnostics.probes.could_not_look import CouldNotLook
from diagnostics.probes.engine import Seen
from diagnostics.probes.errors import ProbeFailure
from diagnostics.redaction import Redactor
from diagnostics.stack import SecretResolver

VERSION_LABEL = "com.docker.compose.version"
COMPOSE_SECONDS = 8.0


def take_capture(request: CaptureRequest) -> Captured:
    """Capture one field here and now; what keeps us from it is the reason why there is none."""
    capture, at = CAPTURES[request.name], datetime.now(UTC)
    source = capture.source
    try:
        capturing = Capturing(request, _redactor(request), source)
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


def _environment(capturing: Capturing) -> str:
    return capturing.stack.environment


def _compose_version(capturing: Capturing) -> str:
    if capturing.stack.vantage != "container":
        raise NothingToCapture("the stack is described as processes: Docker Compose does not run it")
    try:
        answer = compose_version(seconds=COMPOSE_SECONDS)
    except ComposeUnavailable as unavailable:
        return _version_of_containers(capturing, unavailable)
    capturing.source = f"`{answer.command}`, where the service's worker runs"
    return capturing.clean(answer.text)


def _version_of_containers(capturing: Capturing, unavailable: ComposeUnavailable) -> str:
    """Give the version that the containers were made with, where Compose itself cannot be asked."""
    with capturing.places() as places:
        try:
            found = {_label(one) for each in places.containers().values() for one in each}
        except (CouldNotLook, ProbeFailure) as failure:
            raise NothingToCapture(f"{unavailable}; and of the containers: {failure}") from None
    if not (versions := sorted(version for version in found if version)):
        raise unavailable
    capturing.source = f"the label {VERSION_LABEL} of the stack's containers"
    return capturing.clean(f"Docker Compose version {', '.join(versions)}")


def _label(container: Seen) -> str:
    return container.labels.get(VERSION_LABEL, "")


def _logs(capturing: Capturing) -> str:
    minutes = capturing.stack.logs.window_minutes
    since = capturing.request.until - timedelta(minutes=minutes)
    if capturing.stack.vantage == "container":
        taken, what = captured_logs.of_containers(capturing, since=since, room=MAX_TEXT_BYTES), "containers"
    else:
        taken, what = captured_logs.of_files(capturing, since=since, room=MAX_TEXT_BYTES), "log files"
    if not taken.lines:
        raise NothingToCapture("; ".join(taken.notes))
    capturing.source = f"{what} of {', '.join(taken.services)}, from {minutes} min before the report was filed"
    return "\n".join([*taken.lines, *(f"[{note}]" for note in taken.notes)])


def _bounded(text: str, capturing: Capturing) -> str:
    """Leave out the middle of what is too long, at line borders where there are any."""
    data = text.encode()
    if len(data) <= MAX_TEXT_BYTES:
        return text
    head, tail = data[: MAX_TEXT_BYTES // 2], data[-MAX_TEXT_BYTES // 2 :]
    head, tail = head.rpartition(b"\n")[0] or head, tail.partition(b"\n")[2] or tail
    number = len(data) - len(head) - len(tail)
    capturing.dropped_bytes += number
    return "\n".join((head.decode(errors="ignore"), captured_logs.left_out(number), tail.decode(errors="ignore")))


class Capture(NamedTuple):
    """How a field is captured: where from, how long that may take, and by what."""

    source: str
    seconds: float
    take: Callable[[Capturing], str]


CAPTURES = {
    "environment": Capture("the stack's description", 5.0, _environment),
    "docker_compose_version": Capture("Docker Compose, where the service's worker runs", 15.0, _compose_version),
    "container_logs": Capture("the services' logs", 20.0, _logs),
}
