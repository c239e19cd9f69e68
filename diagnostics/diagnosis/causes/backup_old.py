"""Backups have stopped, and what would be lost grows by the hour."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="backup_old",
    title="The newest backup is too old",
    category="database",
    severity="medium",
    sentence="The newest backup at {subject} is older than it should be.",
    signs=codes("backup.old", certainty=0.92),
    remedy=(
        "Compare the newest file (`ls -lt FOLDER`) with the schedule (`crontab -l` or `systemctl list-timers`).",
        "Read the log of the last scheduled backup, and repair what stopped it.",
        (
            "Make one now under a provisional name, and rename it when it is whole: "
            "`pg_dump -Fc -h HOST -U USER -f FILE.part DATABASE`."
        ),
        "Look again: `database.backups` must pass.",
    ),
    actions=("database.backup",),
)
