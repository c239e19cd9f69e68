"""The certificate is good, but clients that do not have its issuer cannot tell."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import TLS_REFUSES

CAUSE = Cause(
    slug="server_chain_incomplete",
    title="The server sends an incomplete chain",
    category="ssl",
    severity="high",
    sentence="At {subject} an intermediate certificate is not sent that clients need.",
    signs=codes("chain.missing_intermediate", certainty=0.93),
    explains=(*TLS_REFUSES, "chain.*"),
    remedy=(
        "See what is sent: `openssl s_client -connect HOST:PORT -showcerts`.",
        "Get the intermediate certificate that the evidence of `ssl.chain` names from its CA.",
        (
            "Append it to the server's certificate file, behind the certificate and without the root, and reload "
            "the server."
        ),
        "Look again: `ssl.chain` must pass.",
    ),
)
