"""SSL-04: every name and address that clients use stands in the server certificate, in its file and as served.

Pass: all of them are alternative names. Fail: `names.missing`; it blocks other checks only where the name of the
endpoint's own URL is missing, which is the one that they connect by. Warn: `names.common_name_only`, where the
certificate has no alternative names at all: Python falls back to the common name, cryptography and Go refuse it.
Names are compared as RFC 9525 says (wildcards for one whole label, addresses only against addresses, IDNA).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from diagnostics.checks.base import Check
from diagnostics.checks.each import look_at_each
from diagnostics.checks.result import Evidence, Finding, Measurement, State
from diagnostics.checks.seeing import Seeing
from diagnostics.checks.served import look_at_served, tls_endpoints
from diagnostics.probes.certificates import Certificate, CertificateUnusable, distinct, read_certificates
from diagnostics.probes.handshake import Meeting
from diagnostics.probes.hostnames import bears, bears_as_common_name
from diagnostics.stack import Endpoint, StackConfig, TlsFiles

Door = tuple[Endpoint, TlsFiles]


@dataclass(frozen=True, kw_only=True)
class Names(Check):
    """Each TLS endpoint: the names of its clients against the names of its certificate."""

    slug: ClassVar[str] = "ssl.names"
    title: ClassVar[str] = "The server certificate bears every name that clients use"
    suites: ClassVar[frozenset[str]] = frozenset({"health", "ssl"})
    requires: ClassVar[tuple[str, ...]] = ("ssl.certificate_files",)

    def not_applicable(self, stack: StackConfig) -> str | None:
        """Apply only where an endpoint speaks TLS."""
        return None if tls_endpoints(stack) else "the stack describes no https endpoint"

    def look(self, seeing: Seeing) -> Iterator[Finding]:
        """Compare for one endpoint after the other."""
        served = look_at_served(seeing)

        def look_at(door: Door) -> Iterator[Finding]:
            return _door(seeing, door, served[door[0].name])

        yield from look_at_each(seeing, tls_endpoints(seeing.stack), look_at, named=lambda door: door[0].url)


def _door(seeing: Seeing, door: Door, meeting: Meeting) -> Iterator[Finding]:
    endpoint, files = door
    leaves = distinct([*_leaf_of_file(files), *meeting.served[:1]])
    if not leaves:
        text = f"{endpoint.url} showed no certificate ({meeting.text or 'none was sent'}) and the stack names no file"
        yield Finding(state=State.SKIP, code="names.nothing_seen", message=seeing.clean(text), target=endpoint.url)
    for leaf in leaves:
        yield _compare(seeing, endpoint, leaf)


def _leaf_of_file(files: TlsFiles) -> tuple[Certificate, ...]:
    with suppress(CertificateUnusable):  # ssl.certificate_files says so
        return read_certificates(files.server_certificate)[:1] if files.server_certificate else ()
    return ()


def _compare(seeing: Seeing, endpoint: Endpoint, leaf: Certificate) -> Finding:
    host = urlsplit(endpoint.url).hostname or ""
    names = list(dict.fromkeys([host, *endpoint.names]))
    by_common_name = [name for name in names if bears_as_common_name(leaf, name)]
    missing = [name for name in names if not bears(leaf, name) and name not in by_common_name]
    evidence = _matrix(seeing, leaf, names, missing)
    state, code = State.PASS, "names.all_present"
    said = f"bears all {len(names)} name(s) that clients use"
    if by_common_name:
        state, code = State.WARN, "names.common_name_only"
        said = f"has no alternative names; {', '.join(by_common_name)} is only its common name, which not all accept"
    if missing:
        state, code = State.FAIL, "names.missing"
        borne = ", ".join((*leaf.dns_names, *leaf.ip_addresses)) or "no alternative name"
        said = f"lacks {', '.join(missing)}; it bears {borne[:300]}"
    return Finding(
        state=state,
        code=code,
        message=f"{endpoint.name}: the certificate of {leaf.where} {said}",
        target=endpoint.url,
        measured={"names": Measurement(len(names)), "missing": Measurement(len(missing))},
        citations=(evidence.whole(),),
        blocks=host in missing,
    )


def _matrix(seeing: Seeing, leaf: Certificate, names: list[str], missing: list[str]) -> Evidence:
    alternatives = [*leaf.dns_names, *leaf.ip_addresses]
    rows = [f"{'missing' if name in missing else 'present'} {name}" for name in names]
    head = [
        f"common name: {leaf.common_name or '-'}",
        f"alternative names: {', '.join(alternatives) or '-'}",
        f"sha256: {leaf.sha256}",
    ]
    return seeing.keep("cert", source=leaf.where, content=[*head, *rows])
