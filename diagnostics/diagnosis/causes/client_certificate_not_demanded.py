"""Mutual TLS is described, and the server does not ask."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="client_certificate_not_demanded",
    title="The server lets clients in without a certificate",
    category="ssl",
    severity="critical",
    sentence="{subject} answers clients that show no certificate.",
    signs=codes("handshake.open_door", certainty=0.95),
    how_to="how-to/certificates.md",
)
