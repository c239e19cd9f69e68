"""One of several containers of a service does not run: the others serve, with less room and less to fall back on."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="replica_stopped",
    title="A replica of a service is stopped",
    category="startup",
    severity="medium",
    sentence="One of the containers of {subject} does not run; another one does.",
    signs=codes("container.replica_exited", certainty=0.9),
    explains=("latency.*", "timing.*"),
    remedy=(
        "See which one it is and how it ended: `docker compose ps -a SERVICE`, and the last lines of its log.",
        "Ask whether somebody stopped it on purpose, and how many there should be.",
        "Repair what ended it, where its log or exit code names something (memory, a disk, a setting).",
        "Start as many as there should be: `docker compose up -d --scale SERVICE=NUMBER SERVICE`.",
        "Look again: `startup.container_state` must pass.",
    ),
)
