"""Mutual TLS needs a client certificate and key; the file is not there or is not described."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, Sign, part_is
from diagnostics.diagnosis.following import TLS_REFUSES

CAUSE = Cause(
    slug="client_certificate_missing",
    title="The client certificate is missing",
    category="ssl",
    severity="critical",
    sentence="There is no client certificate for {subject}: the server refuses connections without one.",
    signs=(
        Sign("client_certificate.not_presented", 0.95),
        Sign("client_certificate.unreadable", 0.8),
        Sign("certificate_file.missing", 0.9, where=part_is("client_certificate", "client_key")),
    ),
    explains=(*TLS_REFUSES, "client_certificate.*", "certificate_file.*", "file.missing"),
    actions=("certificates.renew",),
    how_to="how-to/certificates.md",
)
