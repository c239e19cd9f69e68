"""Names cannot be looked up, so that every connection by name fails or waits."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="resolver_down",
    title="The name resolver does not work",
    category="network",
    severity="critical",
    sentence="The name resolver does not answer, or answers wrongly, when asked for {subject}.",
    signs=codes("dns.resolver_dead", "dns.server_failure", "dns.timeout", certainty=0.9),
    explains_everywhere=("dns.*", "connection.*", "oauth.unreachable", "tools.*", "provider.unknown_name"),
    remedy=(
        "Ask each name server of `/etc/resolv.conf` for itself: `dig @SERVER NAME`.",
        (
            "Look at the machine first, as the engine's resolver in containers (127.0.0.11) asks the machine's name"
            " servers."
        ),
        (
            "Start the resolver (`sudo systemctl restart systemd-resolved`, or what serves there), or name one that"
            " answers."
        ),
        "Look again: `network.dns` must pass.",
    ),
)
