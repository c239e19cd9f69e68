"""A stale entry sends callers to the wrong place."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import SILENCE

CAUSE = Cause(
    slug="name_wrong_address",
    title="A host name resolves to a wrong address",
    category="network",
    severity="critical",
    sentence="{subject} resolves to an address that is not its own.",
    signs=codes("dns.wrong_address", "dns.shadowed", certainty=0.9),
    explains=SILENCE,
    how_to="how-to/network.md",
)
