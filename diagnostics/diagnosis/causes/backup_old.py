"""Backups have stopped: what would be lost grows."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="backup_old",
    title="The newest backup is too old",
    category="database",
    severity="medium",
    sentence="The newest backup of {subject} is older than it should be.",
    signs=codes("backup.old", certainty=0.92),
    actions=("database.backup",),
    how_to="how-to/database.md",
)
