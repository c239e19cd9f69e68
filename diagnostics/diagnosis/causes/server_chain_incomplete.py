"""The certificate is good, and clients without its issuer cannot tell."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import TLS_REFUSES

CAUSE = Cause(
    slug="server_chain_incomplete",
    title="The server sends an incomplete chain",
    category="ssl",
    severity="high",
    sentence="{subject} does not send an intermediate certificate that clients need.",
    signs=codes("chain.missing_intermediate", certainty=0.93),
    explains=(*TLS_REFUSES, "chain.*"),
    how_to="how-to/certificates.md",
)
