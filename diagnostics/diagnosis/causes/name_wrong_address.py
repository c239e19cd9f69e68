"""A stale or foreign entry for a host name sends callers to the wrong place."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import SILENCE

CAUSE = Cause(
    slug="name_wrong_address",
    title="A host name resolves to a wrong address",
    category="network",
    severity="critical",
    sentence="Callers look for {subject} at a wrong address: its host name resolves wrongly.",
    signs=codes("dns.wrong_address", "dns.shadowed", certainty=0.9),
    explains=SILENCE,
    remedy=(
        (
            "Compare `getent hosts NAME` with `dig +short NAME`: where they differ, the hosts file overrides the "
            "name server."
        ),
        "Find the entry in `/etc/hosts`, under `extra_hosts` of the compose file, or in the zone of the name server.",
        "Correct or remove it, and restart the callers, as some keep old addresses.",
        "Where the address is right, as with a load balancer, say so in `[dns.expected]` of the stack's description.",
        "Look again: `network.dns` must pass.",
    ),
)
