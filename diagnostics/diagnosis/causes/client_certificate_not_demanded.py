"""Mutual TLS is described, but the server does not ask clients for a certificate or does not verify it."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="client_certificate_not_demanded",
    title="The server lets clients in without a certificate",
    category="ssl",
    severity="critical",
    sentence="{subject} answers clients that show no certificate.",
    signs=codes("handshake.open_door", certainty=0.95),
    remedy=(
        "Confirm it: `curl -v --cacert CA https://HOST:PORT/` shows no certificate, and gets an answer.",
        "Set the server to require client certificates and to verify them, not only to ask for them.",
        "Name the CA for clients there and no other, and reload the server.",
        "Read in the access log who came in without a certificate in the meantime.",
        "Look again: `ssl.mtls_handshake` must pass.",
    ),
)
