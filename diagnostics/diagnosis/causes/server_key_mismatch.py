"""A server cannot start, or cannot shake hands, with a key that does not belong to its certificate."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, Sign, part_is
from diagnostics.diagnosis.following import NEVER_STARTS, TLS_REFUSES

CAUSE = Cause(
    slug="server_key_mismatch",
    title="The server key is of another certificate",
    category="ssl",
    severity="critical",
    sentence="The key of {subject} does not belong to its certificate.",
    signs=(Sign("certificate_file.key_mismatch", 0.95, where=part_is("server_certificate", "server_key")),),
    explains=(*NEVER_STARTS, *TLS_REFUSES),
    actions=("certificates.renew",),
    how_to="how-to/certificates.md",
)
