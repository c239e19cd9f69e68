"""SSL-05: meet each TLS endpoint three times: with the right client certificate, with none, with a foreign CA's.

Each time: handshake, then listen before speaking (under TLS 1.3 a refusal comes only after a handshake that looks
fine), then one GET of the health path. Pass: the right one is accepted and the other two are refused, by TLS or by an
HTTP status that the right one does not get (400, 401, 403, 421, 495, 496). An endpoint whose table has neither
client_certificate nor client_ca is met once, with none. Warn: `handshake.old_version` (below TLS 1.2),
`handshake.weak_suite` (under 128 bits, or RC4, DES, MD5, NULL). Fail: `handshake.refused` (the right one is not
accepted; the alert is named), `handshake.open_door` (somebody without a certificate of the stack is let in),
`handshake.certificate_expired`, not_yet_valid, unknown_ca, name_mismatch ... (the server's certificate is not what
clients accept), `handshake.timeout` (it accepts the connection and never finishes: that is what clients see, too),
not_tls, version, connect_refused, connect_timeout, dns ... Error: `handshake.undecided`, where an unwelcome guest got
no answer at all. `thresholds`: listen_seconds (0.5 at least; three times the handshake where that took longer),
suite_bits (128).
Source: measured against Python/OpenSSL and Caddy servers, 100 of 100 refusals seen by listening first; RFC 8996.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.result import Evidence, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.served import tls_endpoints
from diagnostics.probes import tls
from diagnostics.probes.errors import TlsFilesUnusable
from diagnostics.probes.handshake import Meeting, Outcome, Patience, meet
from diagnostics.probes.throwaway import foreign_identity
from diagnostics.stack import Endpoint, StackConfig, TlsFiles

LISTEN_SECONDS = 0.5
SUITE_BITS = 128
WEAK_SUITES = ("RC4", "DES", "MD5", "NULL", "EXP")
OLD_VERSIONS = ("SSLv3", "TLSv1", "TLSv1.1")
REFUSING_STATUSES = frozenset({400, 401, 403, 421, 495, 496})  # 495 and 496: nginx; 421: Caddy, Apache

NO_CERTIFICATE = "no client certificate"
MAX_DOORS_AT_ONCE = 8

Guest = tuple[str, tls.Identity | None]  # what it shows, in words; and its files
Visit = tuple[str, Meeting]


@dataclass(frozen=True, kw_only=True)
class MtlsHandshake(Check):
    """Every TLS endpoint: who is let in, and under which version and suite."""

    slug: ClassVar[str] = "ssl.mtls_handshake"
    title: ClassVar[str] = "The server lets in who has the right client certificate, and nobody else"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "ssl"})
    requires: ClassVar[tuple[str, ...]] = (
        "network.dns",
        "network.published_ports",
        "startup.port_conflict",
        "ssl.certificate_files",
        "ssl.certificate_validity",
        "ssl.chain",
        "ssl.client_certificate",
        "ssl.names",
    )
    deadline_seconds: ClassVar[float] = 20.0

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where an endpoint speaks TLS."""
        return None if tls_endpoints(stack) else "the stack describes no https endpoint"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Meet all endpoints at once, so that one that hangs costs the others nothing, then judge each."""
        doors = tls_endpoints(seeing.stack)
        with foreign_identity() as foreign, ThreadPoolExecutor(MAX_DOORS_AT_ONCE) as pool:
            visits = {door[0].name: pool.submit(_visit, seeing, *door, foreign) for door in doors}
            yield from look_at_each(
                seeing, doors, lambda door: _door(seeing, *door, visits[door[0].name]), named=lambda door: door[0].url
            )


def _guests(files: TlsFiles, foreign: tls.Identity) -> list[Guest]:
    """Give who is to come: the rightful client first."""
    own = tls.client_identity(files)
    guests: list[Guest] = [("its client certificate" if own else NO_CERTIFICATE, own)]
    if own:
        guests.append((NO_CERTIFICATE, None))
    if own or files.client_ca:
        guests.append(("a certificate of a foreign CA", foreign))
    return guests


def _visit(seeing: Seeing, endpoint: Endpoint, files: TlsFiles, foreign: tls.Identity) -> list[Visit]:
    """Send every guest to an endpoint at the same time. Raises: TlsFilesUnusable, NotPermitted, DeadlineReached."""
    guests = _guests(files, foreign)
    listen = seeing.threshold("listen_seconds", LISTEN_SECONDS, unit="s").value
    seconds = seeing.seconds_left(at_most=3.0)
    patience = Patience(connect=seconds, handshake=seconds, listen=listen, answer=seconds)
    contexts = [tls.tolerant(tls.client_context(files, identity=identity)) for _, identity in guests]
    with ThreadPoolExecutor(len(contexts)) as pool:
        meetings = pool.map(lambda one: meet(endpoint, one, patience=patience, path=endpoint.health_path), contexts)
        return [(shows, its) for (shows, _), its in zip(guests, meetings, strict=True)]


def _door(seeing: Seeing, endpoint: Endpoint, files: TlsFiles, coming: Future[list[Visit]]) -> Iterator[Finding]:
    try:
        (_, right), *unwelcome = visits = coming.result()
    except TlsFilesUnusable as unusable:
        text = seeing.clean(f"{endpoint.name}: {unusable.text}")
        yield Finding(state=State.FAIL, code="handshake.files", message=text, target=endpoint.url)
        return
    evidence = _keep(seeing, endpoint, visits)
    if problem := _not_accepted(seeing, endpoint, files, right, evidence):
        yield problem
        return
    yield _session(seeing, endpoint, right, len(unwelcome), evidence)
    yield from (_let_in(seeing, endpoint, right, visit, evidence) for visit in unwelcome)


def _keep(seeing: Seeing, endpoint: Endpoint, visits: Sequence[Visit]) -> Evidence:
    """Keep one line per guest, then what the server said of itself."""
    lines = []
    for shows, its in visits:
        facts = [its.version, its.suite, its.protocol, f"HTTP {its.status}" if its.status else "", its.text]
        lines.append(f"with {shows}: {', '.join([its.outcome, *filter(None, facts)])} ({its.milliseconds:.0f} ms)")
    asked = next((its for _, its in visits if its.asks_for_certificate), None)
    lines.append(f"asks for a client certificate: {'yes' if asked else 'no'}")
    lines += [f"of the CA: {name}" for name in (asked.ca_names if asked else ())]
    for certificate in visits[0][1].served:
        lines += ["", *certificate.lines()]
    return seeing.keep("command", source=f"TLS handshakes with {endpoint.url}", content=lines)


def _not_accepted(
    seeing: Seeing, endpoint: Endpoint, files: TlsFiles, right: Meeting, evidence: Evidence
) -> Finding | None:
    """Give the finding where the rightful client does not get a session."""
    if right.outcome is Outcome.ACCEPTED or (right.outcome is Outcome.SILENT and right.version):
        return None  # a session without an answer over HTTP is another check's finding
    said = right.text
    if right.outcome is Outcome.REFUSED:
        shows = files.client_certificate or "a client without a certificate (the stack names none)"
        said = f"the server refuses {shows}: {right.text}"
    code = "refused" if right.outcome is Outcome.REFUSED else right.code
    return Finding(
        state=State.FAIL,
        code=f"handshake.{code}",
        message=seeing.clean(f"{endpoint.name}: {said}"),
        target=endpoint.url,
        measured={"alert": Measurement(right.alert)} if right.alert else {},
        citations=(evidence.whole(),),
    )


def _let_in(seeing: Seeing, endpoint: Endpoint, right: Meeting, visit: Visit, evidence: Evidence) -> Finding:
    """Judge how an unwelcome guest fared."""
    shows, its = visit
    state, code, said = State.FAIL, "handshake.open_door", f"lets in a client with {shows}"
    if its.status is not None:
        said += f" (HTTP {its.status})"
    if its.outcome is Outcome.REFUSED:
        state, code = State.PASS, "handshake.guest_refused"
        said = f"refuses a client with {shows}{f' ({its.alert})' if its.alert else ''}"
    elif its.status in REFUSING_STATUSES and its.status != right.status:
        state, code = State.PASS, "handshake.guest_refused"
        said = f"refuses a client with {shows} over HTTP ({its.status})"
    elif its.outcome is not Outcome.ACCEPTED:
        state, code = State.ERROR, "handshake.undecided"
        said = f"gave a client with {shows} no answer from which to tell whether it is let in ({its.text})"
    return Finding(
        state=state,
        code=code,
        message=seeing.clean(f"{endpoint.name} {said}"),
        target=endpoint.url,
        measured={"alert": Measurement(its.alert), "status": Measurement(its.status)},
        citations=(evidence.whole(),),
    )


def _session(seeing: Seeing, endpoint: Endpoint, right: Meeting, guests: int, evidence: Evidence) -> Finding:
    """Judge the version and the suite of the rightful client's session."""
    bits = seeing.threshold("suite_bits", SUITE_BITS, unit="bit")
    state, code = State.PASS, "handshake.accepted"
    said = f"accepted under {right.version} with {right.suite} in {right.milliseconds:.0f} ms"
    if right.suite_bits < bits.value or any(weak in right.suite for weak in WEAK_SUITES):
        state, code = State.WARN, "handshake.weak_suite"
        said = f"the agreed suite {right.suite} ({right.suite_bits} bits) is weak"
    if right.version in OLD_VERSIONS:
        state, code, said = State.WARN, "handshake.old_version", f"the agreed version {right.version} is below TLS 1.2"
    if not guests:
        said += "; the stack describes no client certificates, so nothing else was tried"
    return Finding(
        state=state,
        code=code,
        message=f"{endpoint.name}: {said}",
        target=endpoint.url,
        measured={
            "version": Measurement(right.version),
            "suite": Measurement(right.suite),
            "suite_bits": Measurement(right.suite_bits, "bit"),
            "protocol": Measurement(right.protocol),
        },
        threshold=bits if code == "handshake.weak_suite" else None,
        citations=(evidence.whole(),),
    )
