"""A configuration or secret file is missing, or its owner and mode keep its service out."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="file_unreadable",
    title="A service cannot read its file",
    category="startup",
    severity="high",
    sentence="{subject} cannot be read by the service that needs it, or is not there.",
    signs=codes("file.missing", "file.unreadable", certainty=0.85),
    explains=("config.*", "health.*", "container.crash_loop", "certificate_file.*", "handshake.*"),
    actions=("file.permissions",),
    how_to="how-to/startup.md",
)
