"""The proxy ends at every start because its configuration cannot be read."""

from __future__ import annotations

from diagnostics.diagnosis.cause import TROUBLED, Cause, Sign, codes, said_lately
from diagnostics.diagnosis.following import NEVER_STARTS
from diagnostics.diagnosis.observed import Observation


def _speaks_of_configuration(seen: Observation) -> bool:
    return any(word in seen.message.lower() for word in ("configuration", "config", "caddyfile", "unrecognized"))


CAUSE = Cause(
    slug="proxy_configuration_invalid",
    title="The proxy refuses its configuration",
    category="startup",
    severity="critical",
    sentence="The proxy {subject} refuses its configuration and cannot start with it.",
    signs=(
        *said_lately("cd-08", certainty=0.39, within_seconds=120),
        Sign("container.crash_loop", 0.5, where=_speaks_of_configuration),
        Sign("proxy.configuration_invalid", 0.9, TROUBLED),
    ),
    supported_by=codes("container.*", certainty=0.8),
    explains=NEVER_STARTS,
    remedy=(
        "Have it read without serving it, as with `caddy validate --config FILE` or `nginx -t -c FILE`.",
        "See what was changed last, as with `git log -p -1 -- FILE`.",
        "Correct the line that it names, or go back to the last version that was accepted.",
        "Start the proxy: `docker compose up -d SERVICE` or `systemctl start UNIT`.",
        "Look again: `network.proxy_routing`, `startup.container_state` and `ssl.mtls_handshake` must pass.",
    ),
)
