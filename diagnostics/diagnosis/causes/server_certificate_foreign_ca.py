"""Clients refuse the connection because the certificate does not lead to the CA that they hold."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import TLS_REFUSES

CAUSE = Cause(
    slug="server_certificate_foreign_ca",
    title="The server certificate is of another CA",
    category="ssl",
    severity="critical",
    sentence="Clients do not trust the CA that issued the certificate at {subject}.",
    signs=codes("chain.unknown_ca", "chain.self_signed", certainty=0.94),
    explains=(*TLS_REFUSES, "chain.*"),
    remedy=(
        "Confirm it with the CA file that clients hold: `openssl verify -CAfile CA -untrusted CHAIN CERTIFICATE`.",
        "Find out which of the two is wrong: the certificate of the server, or the CA file of the clients.",
        "Put a certificate of the right CA in place and reload the server, or hand the new CA file to all clients.",
        "Do not switch off verification at the clients to get by.",
        "Look again: `ssl.chain` and `ssl.mtls_handshake` must pass.",
    ),
    actions=("certificates.renew",),
)
