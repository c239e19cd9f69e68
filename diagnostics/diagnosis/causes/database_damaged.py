"""The database answers, but not correctly any more, or soon will not: it needs care before speed."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="database_damaged",
    title="The database needs repair",
    category="database",
    severity="critical",
    sentence="The data at {subject} need care: a bad index, a sequence behind its column, or near wraparound.",
    signs=codes("consistency.*", "storage.wraparound", certainty=0.9),
    remedy=(
        (
            "Read in the finding which index, sequence or table it is, and keep the last good backup from being "
            "rotated away."
        ),
        (
            "Rebuild an index with `REINDEX INDEX CONCURRENTLY NAME`, and set a sequence with "
            "`SELECT setval('NAME', (SELECT max(COLUMN) FROM TABLE))`."
        ),
        "Near wraparound, end prepared and very old transactions, and run `VACUUM (FREEZE)` on the oldest tables.",
        "Where blocks are damaged, examine the disk, and restore into a new database rather than over this one.",
        "Look again: `database.consistency` and `database.storage` must pass.",
    ),
)
