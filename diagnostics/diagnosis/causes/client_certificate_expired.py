"""The server refuses clients whose certificate is past its end; from outside it looks like any other refusal."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, Sign, part_is
from diagnostics.diagnosis.following import TLS_REFUSES

CAUSE = Cause(
    slug="client_certificate_expired",
    title="The client certificate is expired",
    category="ssl",
    severity="critical",
    sentence="The client certificate of {subject} is expired.",
    signs=(
        Sign("client_certificate.expired", 0.95),
        Sign("certificate.expired", 0.9, where=part_is("client_certificate")),
    ),
    explains=(*TLS_REFUSES, "client_certificate.*", "certificate.expired"),
    actions=("certificates.renew",),
    how_to="how-to/certificates.md",
)
