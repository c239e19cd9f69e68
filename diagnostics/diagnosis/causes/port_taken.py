"""A port that a service must have is held by somebody else, so the service cannot start or is not who answers."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import NEVER_STARTS, TLS_REFUSES

CAUSE = Cause(
    slug="port_taken",
    title="Another process holds the port",
    category="startup",
    severity="critical",
    sentence="Another process holds the port of {subject}.",
    signs=codes("port.taken", "container.port_taken", certainty=0.96),
    explains=(*NEVER_STARTS, *TLS_REFUSES),
    actions=("port.free",),
    how_to="how-to/startup.md",
)
