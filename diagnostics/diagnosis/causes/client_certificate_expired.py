"""The server refuses clients whose certificate is past its end; from outside it looks like any other refusal."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, Sign, part_is
from diagnostics.diagnosis.following import TLS_REFUSES

CAUSE = Cause(
    slug="client_certificate_expired",
    title="The client certificate is expired",
    category="ssl",
    severity="critical",
    sentence="The client certificate at {subject} is expired.",
    signs=(
        Sign("client_certificate.expired", 0.95),
        Sign("certificate.expired", 0.9, where=part_is("client_certificate")),
    ),
    explains=(*TLS_REFUSES, "client_certificate.*", "certificate.expired"),
    remedy=(
        "Confirm it with the file that the finding names: `openssl x509 -in FILE -noout -subject -dates`.",
        "Have a new one issued by the CA that the server trusts for clients, and keep the old files aside.",
        "Put certificate and key in place together, the key readable by the client's own user only.",
        "Restart the clients, as they hold the old one.",
        "Look again: `ssl.client_certificate` and `ssl.mtls_handshake` must pass.",
    ),
    actions=("certificates.renew",),
)
