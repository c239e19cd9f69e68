"""A file system has no bytes or inodes left, or became read-only, and whatever writes there fails."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes, said_lately
from diagnostics.diagnosis.following import NEVER_STARTS

CAUSE = Cause(
    slug="disk_full",
    title="A disk is full",
    category="database",
    severity="critical",
    sentence="The disk under {subject} is full, or takes no writes.",
    signs=(
        *codes("disk.bytes", "disk.inodes", "storage.disk", certainty=0.95),
        *codes("disk.read_only", certainty=0.8),
    ),
    supported_by=said_lately("pg-19", "os-02", certainty=0.5),
    explains=(*NEVER_STARTS, "backup.*", "disk.*", "storage.*"),
    remedy=(
        (
            "See which file system it is and what fills it: `df -h`, `df -i` for inodes, and "
            "`du -xh --max-depth=1 FOLDER`."
        ),
        "Free what is not needed, as old logs and unused images, and never a file in a database's own folder.",
        "Restart processes that hold deleted files open (`lsof +L1`), or their room does not come back.",
        "Where it is read-only, read `dmesg` and examine the disk before it is made writable again.",
        "Restart what stopped for it and look again: `performance.disk` and `database.storage` must pass.",
    ),
)
