"""The way between two services is closed: another network, a firewall, or no route."""

from __future__ import annotations

from diagnostics.diagnosis.cause import ANY, Cause, codes
from diagnostics.diagnosis.following import SILENCE

CAUSE = Cause(
    slug="network_partition",
    title="A service is cut off from its network",
    category="network",
    severity="critical",
    sentence="{subject} runs and cannot be reached by those who need it.",
    signs=(
        *codes("connection.unreachable", "connection.no_route", certainty=0.8),
        *codes("connection.not_on_network", "container.off_network", certainty=0.95),
        *codes("firewall.blocked", certainty=0.85),
        *codes("connection.timeout", "latency.no_connection", certainty=0.5),
    ),
    refuted_by=codes("container.exited", "container.paused", states=ANY),
    explains=SILENCE,
    how_to="how-to/network.md",
)
