"""The application itself says that something it needs does not work."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="dependency_failing",
    title="A dependency of the application fails",
    category="startup",
    severity="high",
    sentence="{subject} says by its own health check that something it depends on does not work.",
    signs=codes("health.unhealthy", certainty=0.45),
    explains=("api.*", "timing.*", "login.*", "container.unhealthy"),
    remedy=(
        "Read which dependency the answer in the evidence names.",
        "Look at that service with the checks of its kind: slow, full, or out of reach from the application.",
        "Repair it, and give the application some seconds to notice.",
        "Look again: `auth.health_endpoint` must pass.",
    ),
)
