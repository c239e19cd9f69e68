"""Clients refuse the connection because the certificate that the server shows is past its end."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, Sign
from diagnostics.diagnosis.following import TLS_REFUSES
from diagnostics.diagnosis.observed import Observation


def _of_server(seen: Observation) -> bool:
    return seen.part not in {"client_certificate", "ca", "client_ca"}


CAUSE = Cause(
    slug="server_certificate_expired",
    title="The server certificate is expired",
    category="ssl",
    severity="critical",
    sentence="The server certificate of {subject} is expired.",
    signs=(
        Sign("certificate.expired", 0.95, where=_of_server),
        Sign("chain.expired", 0.9),
    ),
    explains=(*TLS_REFUSES, "certificate.expired_unused"),
    actions=("certificates.renew",),
    how_to="how-to/certificates.md",
)
