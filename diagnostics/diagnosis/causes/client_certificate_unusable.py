"""The client certificate is there and of the right CA, and the server refuses it all the same."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import TLS_REFUSES

CAUSE = Cause(
    slug="client_certificate_unusable",
    title="The client certificate cannot be used",
    category="ssl",
    severity="critical",
    sentence="The client certificate at {subject} cannot be used: not yet valid, of another key, or not for clients.",
    signs=(
        *codes(
            "client_certificate.not_yet_valid",
            "client_certificate.key_mismatch",
            "client_certificate.wrong_eku",
            certainty=0.93,
        ),
        *codes("handshake.refused", certainty=0.45),  # where no file tells why
    ),
    explains=(*TLS_REFUSES, "client_certificate.*", "certificate.not_yet_valid", "certificate_file.key_mismatch"),
    remedy=(
        "See its dates and what it is for: `openssl x509 -in FILE -noout -dates -ext extendedKeyUsage`.",
        (
            "Compare the keys, which must be the same: `openssl x509 -in CERTIFICATE -noout -pubkey` and "
            "`openssl pkey -in KEY -pubout`."
        ),
        "Where it is not yet valid, see whether a clock is wrong before renewing anything (`auth.clock_skew`).",
        "Otherwise have it issued anew for client authentication, and put certificate and key in place together.",
        "Look again: `ssl.client_certificate` and `ssl.mtls_handshake` must pass.",
    ),
    actions=("certificates.renew",),
)
