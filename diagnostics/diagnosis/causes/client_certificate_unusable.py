"""The client certificate is there and of the right CA, and the server refuses it all the same."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import TLS_REFUSES

CAUSE = Cause(
    slug="client_certificate_unusable",
    title="The client certificate cannot be used",
    category="ssl",
    severity="critical",
    sentence="The client certificate of {subject} cannot be used: not yet valid, of another key, or not for clients.",
    signs=codes(
        "client_certificate.not_yet_valid",
        "client_certificate.key_mismatch",
        "client_certificate.wrong_eku",
        certainty=0.93,
    ),
    explains=(*TLS_REFUSES, "client_certificate.*", "certificate.not_yet_valid", "certificate_file.key_mismatch"),
    actions=("certificates.renew",),
    how_to="how-to/certificates.md",
)
