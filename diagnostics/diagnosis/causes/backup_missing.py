"""The newest backup is not there, or is no dump that could be restored."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="backup_missing",
    title="There is no usable backup",
    category="database",
    severity="high",
    sentence="There is no backup of {subject} that could be restored.",
    signs=codes(
        "backup.missing",
        "backup.folder_missing",
        "backup.empty",
        "backup.truncated",
        "backup.damaged",
        "backup.not_a_dump",
        "backup.not_regular",
        "backup.unreadable",
        "backup.without_data",
        "backup.other_database",
        certainty=0.94,
    ),
    actions=("database.backup",),
    how_to="how-to/database.md",
)
