"""The certificate that the server shows is not for servers, or not yet valid."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, Sign, codes
from diagnostics.diagnosis.following import TLS_REFUSES
from diagnostics.diagnosis.observed import Observation


def _of_server(seen: Observation) -> bool:
    return not seen.parts or not seen.parts <= {"client_certificate", "ca", "client_ca"}


CAUSE = Cause(
    slug="server_certificate_unusable",
    title="The server certificate cannot be used",
    category="ssl",
    severity="critical",
    sentence="The certificate at {subject} is not yet valid or is not for servers.",
    signs=(Sign("certificate.not_yet_valid", 0.92, where=_of_server), *codes("chain.wrong_purpose", certainty=0.93)),
    explains=(*TLS_REFUSES, "chain.*"),
    remedy=(
        "See its dates and what it is for: `openssl x509 -in FILE -noout -dates -ext extendedKeyUsage`.",
        "Where it is not yet valid, see whether a clock is wrong before renewing anything (`auth.clock_skew`).",
        "Otherwise have it issued anew for server authentication, put it in place and reload the server.",
        "Look again: `ssl.certificate_validity` and `ssl.chain` must pass.",
    ),
    actions=("certificates.renew",),
)
