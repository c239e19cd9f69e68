"""The files were renewed and the server was not told."""

from __future__ import annotations

from diagnostics.diagnosis.cause import TROUBLED, Cause, codes
from diagnostics.diagnosis.following import TLS_REFUSES

CAUSE = Cause(
    slug="certificate_not_reloaded",
    title="The server still uses an old certificate",
    category="ssl",
    severity="high",
    sentence="{subject} still serves a certificate that was replaced on disk.",
    signs=codes("served.not_reloaded", "served.mixed", certainty=0.8, states=TROUBLED),
    explains=("certificate.expired", *TLS_REFUSES),
    actions=("service.reload",),
    how_to="how-to/certificates.md",
)
