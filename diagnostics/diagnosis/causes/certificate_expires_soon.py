"""A certificate in use has little of its lifetime left; everything works until its end."""

from __future__ import annotations

from diagnostics.diagnosis.cause import TROUBLED, Cause, codes

CAUSE = Cause(
    slug="certificate_expires_soon",
    title="A certificate expires soon",
    category="ssl",
    severity="high",
    sentence="A certificate of {subject} expires soon.",
    signs=(
        *codes("certificate.near_expiry", certainty=0.92),
        *codes("certificate.near_expiry", certainty=0.7, states=TROUBLED),
    ),
    actions=("certificates.renew",),
    how_to="how-to/certificates.md",
)
