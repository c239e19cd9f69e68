"""A name in a configuration is mistyped or was never made known."""

from __future__ import annotations

from diagnostics.diagnosis.cause import ANY, Cause, Sign, codes
from diagnostics.diagnosis.following import SILENCE

CAUSE = Cause(
    slug="name_unresolvable",
    title="A host name does not resolve",
    category="network",
    severity="critical",
    sentence="{subject} is asked for by a name that does not resolve.",
    signs=(
        *codes("dns.unknown_name", "dns.no_address", certainty=0.85),
        *codes("postgres.dns", "redis.dns", "pooled.dns", "connection.name_unknown", "broker.dns", certainty=0.8),
        Sign("signature.pgb-dns*", 0.6, ANY),
    ),
    refuted_by=codes("container.exited", states=ANY),
    explains=SILENCE,
    how_to="how-to/network.md",
)
