"""Probe of HTTP(S): one bounded request, never redirected, with the time of each phase (as `curl -w` gives them).

Built on httpcore, the transport of httpx, for its `trace` extension and because its network can be replaced: httpx's
time limits are per read, so a server that drips a byte a second would hold a check for ever; `wire.py` ends it.
"""

from __future__ import annotations

import json as json_format
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpcore

from diagnostics.probes import tls as tls_probe
from diagnostics.probes.errors import NameUnresolved, ProbeFailure, TlsFailure, TlsFilesUnusable
from diagnostics.probes.resolve import Address, addresses
from diagnostics.probes.wire import Network
from diagnostics.stack import Endpoint, TlsFiles

METHODS = ("GET", "HEAD", "POST")  # POST for the login probe only; a check never changes anything
USER_AGENT = "incident-diag"
PHASES = ("dns", "connect", "tls", "send", "wait", "receive")  # in the order in which they happen
PHASE_OF = {
    "connection.connect_tcp": "connect",
    "connection.start_tls": "tls",
    "http11.send_request_headers": "send",
    "http11.send_request_body": "send",
    "http11.receive_response_headers": "wait",
    "http11.receive_response_body": "receive",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: header names in lower case, repeated ones joined by a newline; at most `max_body_bytes`."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    truncated: bool = False
    phases: Mapping[str, float] = field(default_factory=dict)  # ms by name of PHASES, and `total`


class RequestFailure(ProbeFailure):
    """No answer; `phase` says how far it came, `phases` what the phases took (ms).

    Codes: http.dns, http.dns_timeout, http.refused, http.unreachable, http.timeout, http.reset, http.closed,
    http.garbage (not HTTP), http.request_invalid, http.tls_files, and http.tls_* with the codes of
    `probes.tls.explained` (http.tls_certificate_expired, http.tls_unknown_ca, http.tls_refused, http.tls_not_tls ...).
    """

    def __init__(self, code: str, text: str, *, phase: str, phases: Mapping[str, float]) -> None:
        super().__init__(code, text)
        self.phase = phase
        self.phases = dict(phases)


class Stopwatch:
    """Times the phases; `trace` is what httpcore calls."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}
        self.phase = PHASES[0]
        self._began = time.monotonic()
        self._phase_began: float | None = None

    def start(self, phase: str) -> None:
        """Begin a phase."""
        self.phase, self._phase_began = phase, time.monotonic()

    def stop(self) -> None:
        """End the phase if it runs; times of the same phase add up."""
        if self._phase_began is None:
            return
        taken = (time.monotonic() - self._phase_began) * 1000
        self._phase_began = None
        self.milliseconds[self.phase] = round(self.milliseconds.get(self.phase, 0) + taken, 2)

    def total(self) -> dict[str, float]:
        """Give all phases and their total."""
        return {**self.milliseconds, "total": round((time.monotonic() - self._began) * 1000, 2)}

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take an event of httpcore's trace extension."""
        name, _, kind = event.rpartition(".")
        if name not in PHASE_OF:
            return
        if kind == "started":
            self.start(PHASE_OF[name])
        else:
            self.stop()


def request(
    endpoint: Endpoint,
    tls: TlsFiles | None,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    json: object = None,
    connect_seconds: float = 3.0,
    total_seconds: float = 10.0,
    max_body_bytes: int = 1_000_000,
    trusts_public: bool = False,
    connect_to: tuple[str, int] | None = None,
) -> Answer:
    """Make one request, with the stack's client certificate where it has one; redirects are answers.

    Without TLS files an https endpoint is only asked where it is said to be a public one: then the CAs of this machine
    are trusted. `connect_to` is where a way to the endpoint begins, where it is not reached directly.

    Raises: RequestFailure, NotPermitted (a certificate file that may not be read).
    """
    if method not in METHODS:
        raise ValueError(f"a probe uses {', '.join(METHODS)}, not {method}")
    watch, ends_at = Stopwatch(), time.monotonic() + total_seconds
    with _failures_named(watch):
        host, port = connect_to or (urlsplit(endpoint.url).hostname or "", port_of(endpoint))
        network = Network(_resolved(host, port, watch, min(connect_seconds, total_seconds)), ends_at=ends_at)
        prepared = _prepared(endpoint, method, path, headers or {}, json, connect_seconds, watch)
        with httpcore.HTTPConnection(
            prepared.url.origin,
            ssl_context=_context(endpoint, tls, trusts_public=trusts_public),
            network_backend=network,
        ) as connection:
            response = connection.handle_request(prepared)
            body, truncated = _bounded(response, max_body_bytes)
    return Answer(response.status, _joined(response.headers), body, truncated, watch.total())


@contextmanager
def _failures_named(watch: Stopwatch) -> Iterator[None]:
    """Give every failure its code, and how far the request came."""
    try:
        yield
    except (NameUnresolved, TlsFilesUnusable, TlsFailure, ProbeFailure, httpcore.ProtocolError) as error:
        code, text = _named(error)
    except httpcore.NetworkError:
        code, text = "http.reset", "the connection broke while the request was sent"
    else:
        return
    watch.stop()
    raise RequestFailure(code, text, phase=watch.phase, phases=watch.total())


def _named(error: Exception) -> tuple[str, str]:
    if isinstance(error, TlsFilesUnusable):
        return "http.tls_files", error.text
    if isinstance(error, TlsFailure):
        return ("http.timeout" if error.code == "timeout" else f"http.tls_{error.code}"), error.text
    if isinstance(error, ProbeFailure):
        return f"http.{error.code}", error.text
    if isinstance(error, httpcore.LocalProtocolError):  # its text would repeat the header, which may be a token
        return "http.request_invalid", "a header or the path has characters that HTTP does not allow"
    if "disconnected without" in str(error):
        return "http.garbage", "what came back ended before it was an answer in HTTP/1.1"
    return "http.garbage", f"what came back is not HTTP/1.1: {str(error)[:200]}"


def _resolved(host: str, port: int, watch: Stopwatch, seconds: float) -> list[Address]:
    watch.start("dns")
    found = addresses(host, port, seconds=seconds)
    watch.stop()
    return found


def port_of(endpoint: Endpoint) -> int:
    """Give the port of an endpoint's URL."""
    parts = urlsplit(endpoint.url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _prepared(
    endpoint: Endpoint,
    method: str,
    path: str,
    headers: Mapping[str, str],
    json: object,
    connect_seconds: float,
    watch: Stopwatch,
) -> httpcore.Request:
    parts = urlsplit(endpoint.url)
    content = b"" if json is None else json_format.dumps(json).encode()
    own: dict[str | bytes, str | bytes] = {
        "Host": parts.netloc,
        "User-Agent": USER_AGENT,
        "Accept": "*/*",
        "Connection": "close",
    }
    if json is not None:
        own |= {"Content-Type": "application/json"}
    if method == "POST":
        own |= {"Content-Length": str(len(content))}
    return httpcore.Request(
        method,
        httpcore.URL(scheme=parts.scheme, host=parts.hostname or "", port=port_of(endpoint), target=path),
        headers=list((own | dict(headers)).items()),
        content=content,
        extensions={"trace": watch.trace, "timeout": {"connect": connect_seconds}},
    )


def _context(endpoint: Endpoint, tls: TlsFiles | None, *, trusts_public: bool) -> Any:
    if not endpoint.url.startswith("https:"):
        return None
    if tls is None and trusts_public:
        return tls_probe.public_context()
    if tls is None:
        raise TlsFilesUnusable("file", f"the https endpoint {endpoint.name} has no [tls.*] table")
    return tls_probe.client_context(tls, identity=tls_probe.client_identity(tls))


def _bounded(response: httpcore.Response, max_bytes: int) -> tuple[bytes, bool]:
    body = bytearray()
    for chunk in response.iter_stream():
        body += chunk[: max_bytes + 1 - len(body)]
        if len(body) > max_bytes:
            return bytes(body[:max_bytes]), True
    return bytes(body), False


def _joined(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        joined[key] = f"{joined[key]}\n{text}" if key in joined else text
    return joined
