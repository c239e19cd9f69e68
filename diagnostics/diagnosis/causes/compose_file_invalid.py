"""Docker Compose refuses its file: YAML or keys are wrong. What runs goes on running."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="compose_file_invalid",
    title="The compose file is invalid",
    category="startup",
    severity="critical",
    sentence="The compose file {subject} cannot be read: nothing can be started or changed with it.",
    signs=codes("compose.invalid", certainty=0.96),
    explains=("compose.*", "service.*"),
    how_to="how-to/startup.md",
)
