"""Where the deployment's database stands, by plain psql, and the way back to the head."""

from __future__ import annotations

from tests.docker.actions.conftest import Trials

DOCUMENT = {"database": "application"}
HEAD, BEFORE = "0004_agents", "0003_workflow_priority"


def stands_at(trials: Trials) -> list[str]:
    return trials.psql("SELECT version_num FROM alembic_version")


def has_agents(trials: Trials) -> bool:
    return trials.psql("SELECT to_regclass('agents') IS NOT NULL") == ["t"]


def bring_to_head(trials: Trials) -> None:
    """Mend whatever a test left, and let the worker write its heartbeat anew."""
    lab = trials.lab
    if not has_agents(trials):
        lab.exec(lab.settings.names.api, ["alembic", "stamp", "--purge", BEFORE])
    lab.exec(lab.settings.names.api, ["alembic", "upgrade", "head"])
    lab.compose("restart", lab.settings.names.worker)
    lab.wait_until_healthy()
