"""An environment variable that a service needs is absent or empty."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="configuration_missing",
    title="A required setting is missing",
    category="startup",
    severity="high",
    sentence="{subject} was started without a setting that it needs.",
    signs=codes("config.missing", "config.empty", certainty=0.9),
    explains=("health.*", "login.*", "container.crash_loop", "queue.*"),
    how_to="how-to/startup.md",
)
