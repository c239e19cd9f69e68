"""A file system does not answer any more: a dead network mount, or a disk that is failing."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import SILENCE

CAUSE = Cause(
    slug="disk_hangs",
    title="A disk does not answer",
    category="performance",
    severity="critical",
    sentence="The file system at {subject} does not answer.",
    signs=codes("disk.hangs", certainty=0.92),
    explains=(*SILENCE, "disk.*", "backup.*", "file.*"),
    remedy=(
        "See what is mounted there with `findmnt PATH`, and what the kernel says of it with `dmesg --level=err,warn`.",
        "Bring the server of a network mount back, or unmount it lazily with `umount -l PATH` where it stays away.",
        "Replace a disk that gives errors, and restore what was on it.",
        "Look again: `performance.disk` must pass.",
    ),
)
