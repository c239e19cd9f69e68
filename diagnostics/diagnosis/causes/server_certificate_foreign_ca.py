"""Clients refuse the connection: the certificate does not lead to the CA that they hold."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import TLS_REFUSES

CAUSE = Cause(
    slug="server_certificate_foreign_ca",
    title="The server certificate is of another CA",
    category="ssl",
    severity="critical",
    sentence="The certificate of {subject} was issued by a CA that its clients do not trust.",
    signs=codes("chain.unknown_ca", "chain.self_signed", certainty=0.94),
    explains=(*TLS_REFUSES, "chain.*"),
    actions=("certificates.renew",),
    how_to="how-to/certificates.md",
)
