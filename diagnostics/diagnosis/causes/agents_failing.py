"""Agents take work and do not end it well, or none is there to take it."""

from __future__ import annotations

from diagnostics.diagnosis.cause import Cause, codes

CAUSE = Cause(
    slug="agents_failing",
    title="Agents fail or are gone",
    category="agents",
    severity="high",
    sentence="The agents of {subject} fail more than usual, or none is alive.",
    signs=codes("agents.none_alive", certainty=0.55),
    explains=("agents.*", "runs.*", "queue.*"),
    remedy=(
        (
            "Read in the agents' log how the last runs ended: `docker compose logs --tail 200 SERVICE` or "
            "`journalctl -u UNIT -n 200`."
        ),
        "Find out whether all runs fail with one error (a tool, the database, a token) or only those of one kind.",
        (
            "Repair what the error names, and start the agents where none is alive: `docker compose up -d SERVICE` "
            "or `systemctl start UNIT`."
        ),
        "Look again: `agents.runs`, `agents.tools` and `agents.workers_and_queues` must pass.",
    ),
)
