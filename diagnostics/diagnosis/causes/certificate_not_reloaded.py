"""The certificate's file was renewed, and the server was not told to read it."""

from __future__ import annotations

from diagnostics.diagnosis.cause import TROUBLED, Cause, codes
from diagnostics.diagnosis.following import TLS_REFUSES

CAUSE = Cause(
    slug="certificate_not_reloaded",
    title="The server still uses an old certificate",
    category="ssl",
    severity="high",
    sentence="At {subject} a certificate is still served that was replaced on disk.",
    signs=codes("served.not_reloaded", "served.mixed", certainty=0.8, states=TROUBLED),
    explains=("certificate.expired", *TLS_REFUSES),
    remedy=(
        (
            "Compare the serial number of the file (`openssl x509 -in FILE -noout -serial`) with the served one in "
            "the evidence."
        ),
        "Reload the server: `systemctl reload UNIT`, or the server's own command for it in its container.",
        "Restart it where some connections still get the old one, as some of its processes were not reloaded.",
        "Let the renewal reload the server from now on.",
        "Look again: `ssl.served_certificate` must pass.",
    ),
    actions=("service.restart",),
)
