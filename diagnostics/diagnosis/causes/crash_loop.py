"""A program cannot start, because its command, its configuration or something that it needs is wrong."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import NEVER_STARTS

CAUSE = Cause(
    slug="crash_loop",
    title="A service crashes again and again",
    category="startup",
    severity="critical",
    sentence="{subject} ends shortly after every start.",
    signs=codes("container.crash_loop", certainty=0.85),
    explains=NEVER_STARTS,
    remedy=(
        "Read its last lines before it ended: `docker compose logs --tail 200 SERVICE` or `journalctl -u UNIT -n 200`.",
        "Read its exit code in `docker compose ps -a`: 126 and 127 are commands that cannot be run, 137 is a kill.",
        "Correct what its last line names, most often a setting, a file, or a service that is not there.",
        "Start it again: `docker compose up -d SERVICE` or `systemctl restart UNIT`.",
        "Look again once it has stayed up for some minutes: `startup.container_state` and `startup.logs` must pass.",
    ),
    actions=("service.restart",),
    check_of=("startup.logs",),
)
