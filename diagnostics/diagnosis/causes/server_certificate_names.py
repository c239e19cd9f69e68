"""A client that checks names refuses a certificate without the name that it connects to."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import TLS_REFUSES

CAUSE = Cause(
    slug="server_certificate_names",
    title="The server certificate lacks a name",
    category="ssl",
    severity="critical",
    sentence="The certificate at {subject} does not bear every name that clients use.",
    signs=codes("names.missing", certainty=0.95),
    explains=(*TLS_REFUSES, "names.*"),
    remedy=(
        "See which names it bears: `openssl x509 -in FILE -noout -ext subjectAltName`.",
        "Where a client uses a name that it should not, correct that in the client's configuration.",
        "Otherwise have it issued anew with every name and address that clients use as alternative names.",
        "Put it in place and reload the server.",
        "Look again: `ssl.names` must pass.",
    ),
    actions=("certificates.renew",),
)
