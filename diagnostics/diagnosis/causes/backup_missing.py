"""The newest backup is not there, or is no dump from which the data could be restored."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="backup_missing",
    title="There is no usable backup",
    category="database",
    severity="high",
    sentence="There is no backup at {subject} that could be restored.",
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
    remedy=(
        "See what is there with `ls -lt FOLDER`, and whether the newest can be read with `pg_restore --list FILE`.",
        "Read the log of the job that makes backups, and repair what stopped it (a path, a password, a full disk).",
        (
            "Make one now under a provisional name, and rename it when it is whole: "
            "`pg_dump -Fc -h HOST -U USER -f FILE.part DATABASE`."
        ),
        "Restore it once into an empty database of another name, as only that proves a backup.",
        "Look again: `database.backups` must pass.",
    ),
    actions=("database.backup",),
)
