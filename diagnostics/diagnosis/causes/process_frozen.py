"""A process is there and does nothing: stopped by a signal, deadlocked, or stuck in the kernel."""

from __future__ import annotations

from diagnostics.diagnosis.cause import ANY, Cause, codes
from diagnostics.diagnosis.following import SILENCE

CAUSE = Cause(
    slug="process_frozen",
    title="A process does not answer though it runs",
    category="startup",
    severity="critical",
    sentence="{subject} runs, but its process is frozen or hangs: it accepts connections and answers nothing.",
    signs=(
        *codes("container.unhealthy", certainty=0.5),
        *codes("postgres.timeout", "pooled.timeout", "redis.timeout", "broker.timeout", certainty=0.6),
        *codes("handshake.timeout", certainty=0.6),
        *codes("health.no_answer", "api.timeout", "timing.timeout", certainty=0.4),
    ),
    refuted_by=codes(
        "container.exited",
        "container.paused",
        "container.crash_loop",
        "health.ok",
        "postgres.answered",
        "redis.answered",
        "pooled.answered",
        "latency.high",
        "timing.slow",
        "served.same",
        "served.other",
        states=ANY,
    ),
    explains=SILENCE,
    remedy=(
        "See the state of the process with `ps -o pid,stat,wchan:20,cmd -p PID`: T is stopped, D waits for a disk.",
        "Keep what tells why before it is gone: its log, and its stacks where a tool for that is at hand.",
        "Where it is stopped, let it go on with `kill -CONT PID`.",
        (
            "Otherwise restart it, after the disk is mended where it waits for one: "
            "`docker compose restart SERVICE` or `systemctl restart UNIT`."
        ),
        "Look again: the check that got no answer must pass, and `startup.container_health` for a container.",
    ),
    actions=("service.restart",),
)
