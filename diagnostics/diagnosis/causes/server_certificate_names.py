"""A client that checks names refuses a certificate without the name that it connects to."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import TLS_REFUSES

CAUSE = Cause(
    slug="server_certificate_names",
    title="The server certificate lacks a name",
    category="ssl",
    severity="critical",
    sentence="The certificate of {subject} does not bear every name that clients use.",
    signs=codes("names.missing", certainty=0.95),
    explains=(*TLS_REFUSES, "names.*"),
    actions=("certificates.renew",),
    how_to="how-to/certificates.md",
)
