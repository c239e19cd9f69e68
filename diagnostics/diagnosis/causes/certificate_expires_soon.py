"""Everything works for now, but a certificate in use has little of its lifetime left."""

from __future__ import annotations

from diagnostics.diagnosis.cause import TROUBLED, Cause, codes

CAUSE = Cause(
    slug="certificate_expires_soon",
    title="A certificate expires soon",
    category="ssl",
    severity="high",
    sentence="The certificate at {subject} expires soon.",
    signs=(
        *codes("certificate.near_expiry", certainty=0.92),
        *codes("certificate.near_expiry", certainty=0.7, states=TROUBLED),
    ),
    remedy=(
        "See the dates of the file that the finding names: `openssl x509 -in FILE -noout -subject -dates`.",
        "Find out why it was not renewed by itself, where it should have been (the renewal's timer and log).",
        "Have a new one issued by the same CA with the same names, and put it in place, keeping the old files aside.",
        "Reload the service that uses it, as a new file does nothing before that.",
        "Look again: `ssl.certificate_validity` and `ssl.served_certificate` must pass.",
    ),
    actions=("certificates.renew",),
)
