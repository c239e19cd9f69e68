"""Mutual TLS needs a client certificate and its key, and a file is not there or not described."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, Sign, part_is
from diagnostics.diagnosis.following import TLS_REFUSES

CAUSE = Cause(
    slug="client_certificate_missing",
    title="The client certificate is missing",
    category="ssl",
    severity="critical",
    sentence="There is no client certificate for {subject}, and the server refuses connections without one.",
    signs=(
        Sign("client_certificate.not_presented", 0.95),
        Sign("client_certificate.unreadable", 0.8),
        Sign("certificate_file.missing", 0.9, where=part_is("client_certificate", "client_key")),
    ),
    explains=(*TLS_REFUSES, "client_certificate.*", "certificate_file.*", "file.missing"),
    remedy=(
        "See whether the files are where the clients look for them: `ls -l CERTIFICATE KEY`.",
        (
            "Where they are elsewhere, correct the path in the clients' configuration or mount, and in the stack's "
            "description."
        ),
        "Where there are none, have them issued by the CA that the server trusts for clients.",
        "Restart the clients, as they read the files at their start.",
        "Look again: `ssl.certificate_files`, `ssl.client_certificate` and `ssl.mtls_handshake` must pass.",
    ),
    actions=("certificates.renew",),
)
