"""Clients refuse the connection because the certificate that the server shows is past its end."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, Sign
from diagnostics.diagnosis.following import TLS_REFUSES
from diagnostics.diagnosis.observed import Observation


def _of_server(seen: Observation) -> bool:
    return not seen.parts or not seen.parts <= {"client_certificate", "ca", "client_ca"}


CAUSE = Cause(
    slug="server_certificate_expired",
    title="The server certificate is expired",
    category="ssl",
    severity="critical",
    sentence="The server certificate at {subject} is expired.",
    signs=(Sign("certificate.expired", 0.95, where=_of_server),),
    explains=(*TLS_REFUSES, "certificate.expired_unused"),
    remedy=(
        "Confirm it with the file that the finding names: `openssl x509 -in FILE -noout -subject -dates`.",
        "Have a new one issued with the same names by the CA that clients trust, and keep the old files aside.",
        "Put certificate, chain and key in place together, and reload the server.",
        "Repair the renewal that should have come before (its timer and log).",
        "Look again: `ssl.certificate_validity`, `ssl.served_certificate` and `ssl.mtls_handshake` must pass.",
    ),
    actions=("certificates.renew",),
)
