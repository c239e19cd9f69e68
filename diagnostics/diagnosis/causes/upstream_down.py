"""The proxy answers, and the application behind it does not."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes, said_lately

CAUSE = Cause(
    slug="upstream_down",
    title="The proxy reaches no application",
    category="startup",
    severity="critical",
    sentence="{subject} answers that it reaches no application behind it.",
    signs=(*codes("health.gateway", certainty=0.6), *said_lately("cd-01", "cd-02")),
    explains=("health.*", "login.*", "api.*", "timing.*"),
    remedy=(
        "See whether the application runs, with the checks of its container or process.",
        "Compare the address that the proxy passes requests to with where the application listens.",
        "Start the application, or correct the address and reload the proxy.",
        "Look again: `auth.health_endpoint` must pass.",
    ),
)
