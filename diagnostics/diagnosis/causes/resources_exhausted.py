"""The machine, or a service, is at its limits, and whatever runs there waits or fails."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="resources_exhausted",
    title="The machine is at its limits",
    category="performance",
    severity="critical",
    sentence="Memory, processor time, open files or threads have run out: {subject}.",
    signs=codes("host.memory", "descriptors.*", certainty=0.85),
    explains=("api.*", "timing.*", "health.*", "container.unhealthy", "latency.high"),
    remedy=(
        (
            "See what has run out: `free -h`, `uptime`, and "
            "`cat /proc/pressure/cpu /proc/pressure/memory /proc/pressure/io`."
        ),
        "Find who takes it: `ps aux --sort=-%mem | head`, and `ls /proc/PID/fd | wc -l` for open files.",
        "Stop what does not belong to the stack, or restart the service that grows without end.",
        "Set limits, so that one service cannot take all, or give the machine more.",
        "Look again: `performance.host` and `performance.descriptors` must pass.",
    ),
    actions=("service.restart",),
)
