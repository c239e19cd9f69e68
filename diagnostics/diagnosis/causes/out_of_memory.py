"""The kernel killed a process at the memory limit of its container or of the machine."""

from __future__ import annotations

from diagnostics.diagnosis.cause import TROUBLED, Cause, codes
from diagnostics.diagnosis.following import NEVER_STARTS

CAUSE = Cause(
    slug="out_of_memory",
    title="A service was killed for want of memory",
    category="startup",
    severity="critical",
    sentence="The kernel killed a process at {subject} for want of memory.",
    signs=(
        *codes("memory.killed", certainty=0.95),
        *codes("memory.child_killed", certainty=0.8, states=TROUBLED),
        *codes("host.killed", certainty=0.7, states=TROUBLED),
    ),
    explains=NEVER_STARTS,
    remedy=(
        "Confirm it with `docker inspect --format '{{.State.OOMKilled}}' CONTAINER`, or `dmesg -T` on the machine.",
        (
            "See with `docker stats --no-stream` how near the others are to their limits, and whether one grows all"
            " the time."
        ),
        "Raise its memory limit as far as the machine has room, or have it need less (fewer workers, smaller batches).",
        "Start it anew with `docker compose up -d SERVICE`, as an automatic restart keeps the mark of the kill.",
        "Look again: `startup.out_of_memory` and `performance.host` must pass.",
    ),
    actions=("service.restart",),
)
