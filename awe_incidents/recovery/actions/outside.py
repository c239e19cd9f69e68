"""See from outside whether a door serves what lies in its files, and whom it lets in: a client's look, no engine's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from awe_incidents.recovery.actions.certificate_files import Table
from diagnostics.probes import tls
from diagnostics.probes.certificates import Certificate, CertificateUnusable, read_certificates
from diagnostics.probes.chains import server_verdict
from diagnostics.probes.could_not_look import NotPermitted
from diagnostics.probes.errors import TlsFilesUnusable
from diagnostics.probes.handshake import Meeting, Outcome, Patience, meet
from diagnostics.probes.hostnames import bears
from diagnostics.probes.throwaway import foreign_identity
from diagnostics.stack import Endpoint

PATIENCE = Patience(connect=3.0, handshake=3.0, listen=0.5, answer=5.0)
REFUSING_STATUSES = frozenset({400, 401, 403, 421, 495, 496})  # as ssl.mtls_handshake takes them
PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Seen:
    """What clients see at the doors of a table."""

    wrong: tuple[str, ...]  # nothing where all is well
    served: dict[str, str]  # serial by endpoint
    is_from_file: bool  # every door serves the certificate of the file

    @property
    def text(self) -> str:
        """Say it in one line."""
        return "; ".join(self.wrong) or f"{', '.join(self.served)}: {ALL_WELL}"


ALL_WELL = "clients accept chain and names, the client certificate is let in, and nobody without one of the stack's"


def settled(table: Table, *, seconds: float, only_served: bool = False) -> Seen:
    """Look until all is well (or, `only_served`, until the file's certificate is served) or the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look_in(table)
        if not seen.wrong or (only_served and seen.is_from_file) or time.monotonic() > deadline:
            return seen
        time.sleep(PAUSE_SECONDS)


def look_in(table: Table) -> Seen:
    """Visit every door of a table. Raises: NotPermitted."""
    wrong, served, from_file = [], dict[str, str](), []
    for endpoint in table.endpoints:
        leaf = _served(endpoint, table)
        if leaf is not None:
            served[endpoint.name] = leaf.serial
        from_file.append(leaf is not None and leaf.sha256 == _filed(table))
        wrong += [f"{endpoint.name}: {one}" for one in _wrong_at(endpoint, table, leaf)]
    return Seen(tuple(wrong), served, all(from_file))


def _wrong_at(endpoint: Endpoint, table: Table, leaf: Certificate | None) -> Iterator[str]:
    """Give what is wrong: first with the rightful client's visit, then with the others'."""
    if leaf is None:
        yield f"{endpoint.url} showed no certificate"
        return
    if leaf.sha256 != _filed(table):
        yield f"it serves serial {leaf.serial}, which is not that of {table.files.server_certificate}"
        return
    try:
        own = tls.client_identity(table.files)
        right = _visit(endpoint, table, own)
    except TlsFilesUnusable as unusable:
        yield unusable.text
        return
    if right.outcome is not Outcome.ACCEPTED or right.status in REFUSING_STATUSES:
        yield f"its rightful client is not let in: {right.text or f'HTTP {right.status}'}"
        return
    if missing := [name for name in endpoint.names if not bears(leaf, name)]:
        yield f"its certificate lacks {', '.join(missing)}"
    strict = server_verdict(right.served, read_certificates(table.files.ca), datetime.now(UTC))
    if strict not in {"accepted", None}:
        yield f"strict clients refuse its chain: {strict}"
    if own is not None or table.files.client_ca is not None:
        yield from _let_in(endpoint, table, right)


def _let_in(endpoint: Endpoint, table: Table, right: Meeting) -> Iterator[str]:
    with foreign_identity() as foreign:
        for shows, identity in (("no certificate", None), ("a certificate of another CA", foreign)):
            its = _visit(endpoint, table, identity)
            by_status = its.status in REFUSING_STATUSES and its.status != right.status
            if its.outcome is not Outcome.REFUSED and not by_status:
                yield f"a client with {shows} is not refused ({its.outcome})"


def _visit(endpoint: Endpoint, table: Table, identity: tls.Identity | None) -> Meeting:
    """Come as a client that verifies. Raises: TlsFilesUnusable, NotPermitted."""
    context = tls.client_context(table.files, identity=identity)
    context.set_alpn_protocols(["http/1.1"])
    return meet(endpoint, context, patience=PATIENCE, path=endpoint.health_path)


def _served(endpoint: Endpoint, table: Table) -> Certificate | None:
    """Give the certificate that is served, whatever it is worth."""
    context = tls.onlooking_context()
    if identity := tls.client_identity(table.files):
        with suppress(TlsFilesUnusable, NotPermitted):
            tls.present(context, identity)
    return next(iter(meet(endpoint, context, patience=PATIENCE).served), None)


def _filed(table: Table) -> str:
    with suppress(CertificateUnusable):
        if table.files.server_certificate:
            return read_certificates(table.files.server_certificate)[0].sha256
    return ""
