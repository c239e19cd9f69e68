"""The service works, and its users wait."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="service_slow",
    title="A service answers slowly",
    category="performance",
    severity="high",
    sentence="{subject} takes longer to answer than it should.",
    signs=codes("api.slow", "api.timeout", "timing.slow", "timing.timeout", certainty=0.6),
    explains=("timing.*", "api.*"),
    how_to="how-to/performance.md",
)
