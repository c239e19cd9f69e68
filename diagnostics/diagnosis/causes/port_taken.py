"""A port that a service must have is held by somebody else, so that it cannot start or another answers for it."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes
from diagnostics.diagnosis.following import NEVER_STARTS, TLS_REFUSES

CAUSE = Cause(
    slug="port_taken",
    title="Another process holds the port",
    category="startup",
    severity="critical",
    sentence="Another process holds the port that is needed for {subject}.",
    signs=codes("port.taken", "container.port_taken", certainty=0.96),
    explains=(*NEVER_STARTS, *TLS_REFUSES),
    remedy=(
        "See who holds it: `sudo ss -ltnp 'sport = :PORT'`, or `docker ps --filter publish=PORT` for a container.",
        "Find out what it is for, and give one of the two another port where both are needed.",
        (
            "Otherwise stop it as a whole (`sudo systemctl stop UNIT` or `docker stop CONTAINER`), as a killed "
            "process of a unit comes back."
        ),
        "Start the service: `docker compose up -d SERVICE` or `systemctl start UNIT`.",
        "Look again: `startup.port_conflict` must pass, or `startup.container_state` for a container.",
    ),
    actions=("port.free",),
)
