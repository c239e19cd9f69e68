"""What runs there waits or fails, whatever it is."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="resources_exhausted",
    title="The machine is at its limits",
    category="performance",
    severity="critical",
    sentence="{subject} has no memory, processor time, open files or threads left.",
    signs=codes("host.memory", "host.load", "host.swap", "descriptors.*", certainty=0.85),
    explains=("api.*", "timing.*", "health.*", "container.unhealthy", "latency.high"),
    actions=("service.restart",),
    how_to="how-to/performance.md",
)
