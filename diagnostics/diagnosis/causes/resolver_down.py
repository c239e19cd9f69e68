"""Names cannot be looked up: every connection by name fails or waits."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="resolver_down",
    title="The name resolver does not work",
    category="network",
    severity="critical",
    sentence="The resolver {subject} does not answer, or answers wrongly.",
    signs=codes("dns.resolver_dead", "dns.server_failure", "dns.timeout", certainty=0.9),
    explains_everywhere=("dns.*", "connection.*", "oauth.unreachable", "tools.*"),
    how_to="how-to/network.md",
)
