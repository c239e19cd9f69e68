"""A proxy that ends at every start because its configuration does not parse."""

from __future__ import annotations

from diagnostics.diagnosis.cause import ANY, Cause, Sign
from diagnostics.diagnosis.following import NEVER_STARTS
from diagnostics.diagnosis.observed import Observation


def _speaks_of_configuration(seen: Observation) -> bool:
    return any(word in seen.message.lower() for word in ("configuration", "config", "caddyfile", "unrecognized"))


CAUSE = Cause(
    slug="proxy_configuration_invalid",
    title="The proxy refuses its configuration",
    category="startup",
    severity="critical",
    sentence="The proxy {subject} refuses its configuration and cannot start.",
    signs=(
        Sign("signature.cad-*", 0.9, ANY, where=_speaks_of_configuration),
        Sign("container.crash_loop", 0.5, where=_speaks_of_configuration),
    ),
    explains=NEVER_STARTS,
    how_to="how-to/startup.md",
)
