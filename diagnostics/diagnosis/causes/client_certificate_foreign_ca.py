"""The server refuses a client certificate that does not lead to the CA which it trusts for clients."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import TLS_REFUSES

CAUSE = Cause(
    slug="client_certificate_foreign_ca",
    title="The client certificate is of another CA",
    category="ssl",
    severity="critical",
    sentence="The server does not trust the CA that issued the client certificate at {subject}.",
    signs=codes("client_certificate.unknown_ca", "client_certificate.missing_intermediate", certainty=0.94),
    explains=(*TLS_REFUSES, "client_certificate.*"),
    remedy=(
        "See where the chain ends: `openssl verify -CAfile CA_FOR_CLIENTS -untrusted INTERMEDIATES CERTIFICATE`.",
        "Where only an intermediate is missing, append it to the client's certificate file, behind the certificate.",
        "Otherwise have a client certificate issued by the right CA, rather than have the server trust another one.",
        "Restart the clients, as they hold the old one.",
        "Look again: `ssl.client_certificate` and `ssl.mtls_handshake` must pass.",
    ),
    actions=("certificates.renew",),
)
