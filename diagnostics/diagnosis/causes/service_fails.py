"""The application itself fails at what it is asked."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="service_fails",
    title="A service answers with errors",
    category="performance",
    severity="high",
    sentence="{subject} answers with server errors.",
    signs=codes("api.server_errors", "health.server_error", "login.server_error", certainty=0.55),
    explains=("api.*", "health.*", "timing.*"),
    how_to="how-to/performance.md",
)
