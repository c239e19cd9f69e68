"""The kernel killed a process at the memory limit of its container or of the machine."""

from __future__ import annotations

from diagnostics.diagnosis.cause import TROUBLED, Cause, codes
from diagnostics.diagnosis.following import NEVER_STARTS

CAUSE = Cause(
    slug="out_of_memory",
    title="A service was killed for want of memory",
    category="startup",
    severity="critical",
    sentence="{subject} was killed because it needs more memory than its limit.",
    signs=(
        *codes("memory.killed", certainty=0.95),
        *codes("memory.child_killed", certainty=0.8, states=TROUBLED),
        *codes("host.killed", certainty=0.7, states=TROUBLED),
    ),
    explains=NEVER_STARTS,
    actions=("service.restart",),
    how_to="how-to/startup.md",
)
