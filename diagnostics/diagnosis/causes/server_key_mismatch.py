"""A server cannot start, or cannot shake hands, with a key that does not belong to its certificate."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, Sign, part_is
from diagnostics.diagnosis.following import NEVER_STARTS, TLS_REFUSES

CAUSE = Cause(
    slug="server_key_mismatch",
    title="The server key is of another certificate",
    category="ssl",
    severity="critical",
    sentence="The key at {subject} does not belong to its certificate.",
    signs=(Sign("certificate_file.key_mismatch", 0.95, where=part_is("server_certificate", "server_key")),),
    explains=(*NEVER_STARTS, *TLS_REFUSES),
    remedy=(
        (
            "Compare the keys, which must be the same: `openssl x509 -in CERTIFICATE -noout -pubkey` and "
            "`openssl pkey -in KEY -pubout`."
        ),
        "Look for the key that belongs to the certificate, which often lies beside it under an older name.",
        "Put the two of one pair in place, or have a certificate issued for a new key where the key is lost.",
        "Start or reload the server.",
        "Look again: `ssl.certificate_files` and `ssl.mtls_handshake` must pass.",
    ),
    actions=("certificates.renew",),
)
