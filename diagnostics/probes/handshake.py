"""Meet a TLS server: shake hands, listen before speaking, then ask one question over HTTP.

Under TLS 1.3 a client's handshake succeeds before the server has looked at its certificate: only what the server says
next tells whether it was accepted, and a client that writes first often loses the reason to a reset (measured: the
handshake alone passed for 100 of 100 refused certificates; listening first showed the alert in 100 of 100).
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from diagnostics.probes import tls
from diagnostics.probes.certificates import Certificate, CertificateUnusable, parse_der
from diagnostics.probes.errors import ProbeFailure
from diagnostics.probes.http import USER_AGENT, port_of
from diagnostics.probes.resolve import addresses
from diagnostics.probes.transcript import Transcript
from diagnostics.probes.wire import connected, lost
from diagnostics.stack import Endpoint

STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: |\r|\n)")
MAX_STATUS_LINE_BYTES = 4096
LISTEN_PER_HANDSHAKE = 3


class Outcome(StrEnum):
    """How a meeting ended."""

    ACCEPTED = "accepted"  # the session stands
    REFUSED = "refused"  # the server ended it, with an alert or without
    UNTRUSTED = "untrusted"  # we do not accept the server's certificate
    SILENT = "silent"  # somebody listens, but the handshake or the answer never came
    NO_SESSION = "no_session"  # no address, no connection, no TLS


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """What came of meeting a server; `code` is "" or one of `probes.tls.explained`, dns, connect_refused and so on."""

    outcome: Outcome
    code: str = ""
    text: str = ""
    verify_code: int = 0  # X509_V_ERR_*, where we do not accept the server's certificate
    alert: str = ""  # the server's, e.g. unknown_ca
    version: str = ""  # TLSv1.3
    suite: str = ""
    suite_bits: int = 0
    protocol: str = ""  # by ALPN
    asks_for_certificate: bool = False
    ca_names: tuple[str, ...] = ()
    served: tuple[Certificate, ...] = ()
    status: int | None = None  # of the HTTP answer, where one came
    milliseconds: float = 0.0


@dataclass(slots=True)
class _Notes:
    """What is known so far while a meeting goes on."""

    transcript: Transcript = field(default_factory=Transcript)
    session: dict[str, str | int] = field(default_factory=dict)
    leaf: bytes = b""
    verify_code: int = 0
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long each part may take, in seconds."""

    connect: float = 3.0
    handshake: float = 3.0
    listen: float = 0.5  # before the first word of ours, at least; a far server gets longer
    answer: float = 3.0


def meet(endpoint: Endpoint, context: ssl.SSLContext, *, patience: Patience, path: str | None = None) -> Meeting:
    """Meet a server; with `path`, listen first and then GET it. Everything that can happen is an outcome."""
    began, notes, who = time.monotonic(), _Notes(), urlsplit(endpoint.url).netloc
    notes.transcript.attach(context)
    outcome, failure, alert = Outcome.ACCEPTED, ProbeFailure("", ""), ""
    try:
        connection = _connect(endpoint, patience)
    except ProbeFailure as error:
        outcome = Outcome.SILENT if error.code == "timeout" else Outcome.NO_SESSION
        failure = error if error.code.startswith("dns") else ProbeFailure(f"connect_{error.code}", error.text)
    else:
        with connection:
            try:
                _talk(connection, endpoint, context, patience, path, notes)
            except ssl.SSLCertVerificationError as error:
                outcome, failure = Outcome.UNTRUSTED, tls.explained(error, who=who)
                notes.verify_code = error.verify_code
            except (OSError, ValueError) as error:
                outcome, failure, alert = _ended(error, notes, who)
    return Meeting(
        outcome=outcome,
        code=failure.code,
        text=failure.text,
        verify_code=notes.verify_code,
        alert=alert,
        version=str(notes.session.get("version", "")),
        suite=str(notes.session.get("suite", "")),
        suite_bits=int(notes.session.get("bits", 0)),
        protocol=str(notes.session.get("protocol", "")),
        asks_for_certificate=notes.transcript.asks_for_certificate,
        ca_names=tuple(notes.transcript.ca_names),
        served=_served(notes, who),
        status=notes.status,
        milliseconds=round((time.monotonic() - began) * 1000, 1),
    )


def _connect(endpoint: Endpoint, patience: Patience) -> socket.socket:
    host, port = urlsplit(endpoint.url).hostname or "", port_of(endpoint)
    return connected(addresses(host, port, seconds=patience.connect), seconds=patience.connect)


def _talk(
    connection: socket.socket,
    endpoint: Endpoint,
    context: ssl.SSLContext,
    patience: Patience,
    path: str | None,
    notes: _Notes,
) -> None:
    connection.settimeout(patience.handshake)
    began = time.monotonic()
    with context.wrap_socket(connection, server_hostname=urlsplit(endpoint.url).hostname) as session:
        suite, _, bits = session.cipher() or ("", "", 0)
        notes.session = {"version": session.version() or "", "suite": suite, "bits": bits or 0}
        notes.session["protocol"] = session.selected_alpn_protocol() or ""
        notes.leaf = session.getpeercert(binary_form=True) or b""
        if path is not None:
            # An objection is on its way for about as long as the handshake took: over a slow link that is seconds.
            wanted = max(patience.listen, LISTEN_PER_HANDSHAKE * (time.monotonic() - began))
            heard = _listen(session, min(wanted, max(patience.answer, patience.listen)))
            notes.status = _ask(session, endpoint, path, heard, patience.answer)


def _listen(session: ssl.SSLSocket, seconds: float) -> bytes:
    """Wait for the server to object. Raises: OSError as it ends the session, EOFError included as SSLEOFError."""
    session.settimeout(seconds)
    try:
        return _heard(session)
    except TimeoutError:
        return b""


def _ask(session: ssl.SSLSocket, endpoint: Endpoint, path: str, heard: bytes, seconds: float) -> int | None:
    """GET a path and give the status, None where what came back is not HTTP."""
    ends_at = time.monotonic() + seconds
    session.settimeout(seconds)
    host = urlsplit(endpoint.url).netloc
    question = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\nConnection: close\r\n\r\n"
    with suppress(ConnectionError):  # what the server said before it hung up can still be read
        session.sendall(question.encode())
    while b"\n" not in heard and len(heard) < MAX_STATUS_LINE_BYTES:
        session.settimeout(max(ends_at - time.monotonic(), 0.001))
        heard += _heard(session)
    match = STATUS_LINE.match(heard)
    return int(match[1]) if match else None


def _heard(session: ssl.SSLSocket) -> bytes:
    data = session.recv(MAX_STATUS_LINE_BYTES)
    if not data:
        raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "the server closed the session")
    return data


def _ended(error: OSError | ValueError, notes: _Notes, who: str) -> tuple[Outcome, ProbeFailure, str]:
    """Sort how a connection ended, before a session stood or after."""
    if isinstance(error, ValueError):  # a host name that no certificate can bear
        return Outcome.NO_SESSION, ProbeFailure("other", f"no TLS session with {who}: {error}"), ""
    alert = tls.alert_name(error)
    failure: ProbeFailure = tls.explained(error, who=who)
    if notes.session and not alert:
        failure = lost(error, who)
    if isinstance(error, TimeoutError):
        return Outcome.SILENT, failure, ""
    is_refusal = notes.session or alert or failure.code in {"closed", "reset"}
    if failure.code in {"version", "not_tls"} and not notes.session:
        is_refusal = False
    return (Outcome.REFUSED if is_refusal else Outcome.NO_SESSION), failure, alert


def _served(notes: _Notes, who: str) -> tuple[Certificate, ...]:
    served = []
    for data in notes.transcript.chain or ([notes.leaf] if notes.leaf else []):
        with suppress(CertificateUnusable):
            served.append(parse_der(data, where=who))
    return tuple(served)
