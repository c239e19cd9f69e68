"""SSL-07: the certificate that a door serves is the one in its file: a renewed file does nothing before a reload.

Pass: `served.same` (the SHA-256 of the leaf is that of the server_certificate). Warn: `served.not_reloaded` (the file
is the newer certificate: the server still serves the one before it), `served.mixed` (of several handshakes some got the
file's certificate and some another: part of the server's processes were not reloaded), `served.other` (the served one
is the newer, or has nothing to do with the file: the stack describes another file than the server uses).
Skip: `served.nothing_seen`, where the door showed no certificate; why is the finding of ssl.mtls_handshake. Exact, no
threshold; three handshakes. It cannot see a process that none of them happened to reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.result import Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.served import look_at_served_often, tls_endpoints
from diagnostics.probes import host
from diagnostics.probes.certificates import Certificate, CertificateUnusable, distinct, read_certificates
from diagnostics.probes.could_not_look import CouldNotLook, NotPermitted
from diagnostics.probes.errors import ProcessUnknown
from diagnostics.probes.files import mode_of
from diagnostics.probes.handshake import Meeting
from diagnostics.stack import Endpoint, Service, StackConfig, TlsFiles

HANDSHAKES = 3

Door = tuple[Endpoint, TlsFiles]


@dataclass(frozen=True, kw_only=True)
class ServedCertificate(Check):
    """Each TLS endpoint whose table names the server's certificate."""

    slug: ClassVar[str] = "ssl.served_certificate"
    title: ClassVar[str] = "The server serves the certificate that lies in its file"
    suites: ClassVar[frozenset[str]] = frozenset({"ssl"})
    requires: ClassVar[tuple[str, ...]] = ("ssl.certificate_files",)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where a file can be compared with what is served."""
        return None if _doors(stack) else "no https endpoint's [tls.*] table names a server_certificate"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Shake hands with all doors at once, then compare for each."""
        served = look_at_served_often(seeing, times=HANDSHAKES)
        yield from look_at_each(
            seeing,
            _doors(seeing.stack),
            lambda door: [_door(seeing, door, served[door[0].name])],
            named=lambda door: door[0].url,
        )


def _doors(stack: StackConfig) -> list[Door]:
    return [door for door in tls_endpoints(stack) if door[1].server_certificate]


def _door(seeing: Seeing, door: Door, meetings: Sequence[Meeting]) -> Finding:
    """Compare what one door serves. Raises: CouldNotLook, NotPermitted."""
    endpoint, files = door
    assert files.server_certificate is not None
    try:
        filed = read_certificates(files.server_certificate)[0]
    except CertificateUnusable as unusable:  # it was fine a moment ago: ssl.certificate_files has to be right first
        raise CouldNotLook(unusable.text, code=unusable.code) from None
    leaves = distinct(leaf for meeting in meetings for leaf in meeting.served[:1])
    if not leaves:
        text = f"{endpoint.url} showed no certificate ({meetings[0].text or 'none was sent'})"
        return Finding(state=State.SKIP, code="served.nothing_seen", message=seeing.clean(text), target=endpoint.url)
    return _compared(seeing, endpoint, filed, leaves)


def _compared(seeing: Seeing, endpoint: Endpoint, filed: Certificate, leaves: list[Certificate]) -> Finding:
    written_at = datetime.fromtimestamp(mode_of(Path(filed.where)).st_mtime, UTC)
    started_at = _started_at(seeing.stack.services.get(endpoint.service))
    others = [leaf for leaf in leaves if leaf.sha256 != filed.sha256]
    state, code, said = _verdict(filed, leaves, others)
    lines = [f"file, written {written_at:%Y-%m-%dT%H:%M:%SZ}:", *filed.lines()]
    for leaf in leaves:
        lines += ["", "served:", *leaf.lines()]
    since = "not known" if started_at is None else f"{started_at:%Y-%m-%dT%H:%M:%SZ}"
    lines += ["", f"process of {endpoint.service}, started: {since}"]
    evidence = seeing.keep("cert", source=f"{endpoint.url} and {filed.where}", content=lines)
    measured = {"served_sha256": (others or leaves)[0].sha256, "file_sha256": filed.sha256}
    return Finding(
        state=state,
        code=code,
        message=f"{endpoint.name}: {said}" + (_when(written_at, started_at) if others else ""),
        target=endpoint.url,
        measured={
            **{name: Measurement(value) for name, value in measured.items()},
            "file_written_at": Measurement(written_at.isoformat()),
            "server_started_at": Measurement(started_at.isoformat() if started_at else None),
        },
        citations=(evidence.whole(),),
    )


def _verdict(filed: Certificate, leaves: list[Certificate], others: list[Certificate]) -> tuple[State, str, str]:
    if not others:
        return State.PASS, "served.same", f"serves the certificate of {filed.where}"
    other = others[0]
    if len(others) < len(leaves):
        text = f"serves the certificate of {filed.where} to some clients and serial {other.serial} to others"
        return State.WARN, "served.mixed", f"{text}: part of its processes were not reloaded"
    if filed.not_before_at > other.not_before_at:
        text = f"still serves serial {other.serial}, which ends {other.not_after_at:%Y-%m-%d}; {filed.where} holds"
        text += f" serial {filed.serial}, which ends {filed.not_after_at:%Y-%m-%d}"
        return State.WARN, "served.not_reloaded", f"{text}: the server was not reloaded since"
    text = f"serves serial {other.serial} ({other.subject}), which is not the certificate of {filed.where}"
    return State.WARN, "served.other", f"{text}, serial {filed.serial}: it may use another file"


def _started_at(service: Service | None) -> datetime | None:
    """Give when the server's process was started, as far as this machine can tell."""
    if service is None or service.pid_file is None:
        return None
    with suppress(ProcessUnknown, NotPermitted):
        return host.started_at(service.pid_file)
    return None


def _when(written_at: datetime, started_at: datetime | None) -> str:
    text = f" (file written {written_at:%Y-%m-%d %H:%M} UTC"
    return f"{text}, process started {started_at:%Y-%m-%d %H:%M} UTC)" if started_at else f"{text})"
