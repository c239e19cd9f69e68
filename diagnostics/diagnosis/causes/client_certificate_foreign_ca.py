"""The server refuses a client certificate that does not lead to its CA."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import TLS_REFUSES

CAUSE = Cause(
    slug="client_certificate_foreign_ca",
    title="The client certificate is of another CA",
    category="ssl",
    severity="critical",
    sentence="The client certificate of {subject} was issued by a CA that the server does not trust.",
    signs=codes("client_certificate.unknown_ca", "client_certificate.missing_intermediate", certainty=0.94),
    explains=(*TLS_REFUSES, "client_certificate.*"),
    actions=("certificates.renew",),
    how_to="how-to/certificates.md",
)
