"""The certificate that the server shows may not be used for this, or not yet."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, Sign, codes
from diagnostics.diagnosis.following import TLS_REFUSES
from diagnostics.diagnosis.observed import Observation


def _of_server(seen: Observation) -> bool:
    return seen.part not in {"client_certificate", "ca", "client_ca"}


CAUSE = Cause(
    slug="server_certificate_unusable",
    title="The server certificate cannot be used",
    category="ssl",
    severity="critical",
    sentence="The certificate of {subject} is not yet valid or is not for servers.",
    signs=(Sign("certificate.not_yet_valid", 0.92, where=_of_server), *codes("chain.wrong_purpose", certainty=0.93)),
    explains=(*TLS_REFUSES, "chain.*"),
    actions=("certificates.renew",),
    how_to="how-to/certificates.md",
)
