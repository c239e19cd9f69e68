"""The proxy answers, and the application behind it does not."""

from __future__ import annotations

from diagnostics.diagnosis.cause import TROUBLED, Cause, Sign, codes, said_lately
from diagnostics.diagnosis.observed import Observation

NO_WAY = ("refused", "unknown", "timeout", "unreachable", "reset")


def _proxy(seen: Observation) -> str:
    return seen.target.partition(" -> ")[0]


CAUSE = Cause(
    slug="upstream_down",
    title="The proxy reaches no application",
    category="startup",
    severity="critical",
    sentence="{subject} answers that it reaches no application behind it.",
    signs=(
        *codes("health.gateway", certainty=0.6),
        *said_lately("cd-01", "cd-02", mended_by=("health.ok",)),
        *(Sign(f"proxy.upstream_{how}", 0.85, TROUBLED, subject=_proxy) for how in NO_WAY),
    ),
    supported_by=codes("proxy.gateway_errors", certainty=0.3, states=TROUBLED),
    explains=("health.*", "login.*", "api.*", "timing.*", "proxy.*"),
    remedy=(
        "See whether the application runs, with the checks of its container or process.",
        "Compare the address that the proxy passes requests to with where the application listens.",
        "Start the application, or correct the address and reload the proxy.",
        "Look again: `network.proxy_routing` and `auth.health_endpoint` must pass.",
    ),
)
