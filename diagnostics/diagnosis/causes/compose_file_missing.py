"""The file that the stack is made from is not where the description says."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="compose_file_missing",
    title="The compose file is missing",
    category="startup",
    severity="high",
    sentence="The compose file {subject} is not there.",
    signs=codes("compose.missing", certainty=0.95),
    explains=("compose.*", "service.*"),
    how_to="how-to/startup.md",
)
