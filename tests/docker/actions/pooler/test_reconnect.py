"""Connections behind a real PgBouncer are made anew, and what was paused goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from awe_incidents.recovery.actions.base import ActionFailed, Probed
from deploy.awe.compose import ComposeStack
from tests.docker.actions.conftest import Trials

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG, DOCUMENT = "pooler.reconnect", {"database": "application"}


def console(lab: ComposeStack, command: str) -> str:
    """Say something on the console with plain psql."""
    address = ["-h", "localhost", "-p", "6432", "-U", "postgres", "-d", "pgbouncer"]
    return lab.exec(lab.settings.names.pgbouncer, ["psql", *address, "-Atc", command])


@pytest.fixture
def paused(lab: ComposeStack) -> Iterator[None]:
    console(lab, "PAUSE ai_workflow_engine")
    yield
    if "ai_workflow_engine" in console(lab, "SHOW DATABASES"):
        lab.exec(
            lab.settings.names.pgbouncer,
            ["psql", "-h", "localhost", "-p", "6432", "-U", "postgres", "-d", "pgbouncer", "-c", "RESUME"],
            check=False,
        )
    lab.wait_until_healthy()


def pids(trials: Trials) -> set[str]:
    trials.lab.client().get("/workflows", token=trials.lab.token())
    address = "SELECT pid FROM pg_stat_activity WHERE datname = 'ai_workflow_engine' AND usename = 'awe_app'"
    return set(trials.psql(address))


def test_every_connection_is_made_anew_and_the_api_answers(lab: ComposeStack, trials: Trials) -> None:
    before = pids(trials)
    trial = trials.plan(SLUG, **DOCUMENT)
    verified = trial.run()
    assert verified.is_good, verified.text
    after = pids(trials)
    assert before
    assert after
    assert not before & after
    assert [step.key for step in trial.action.steps(trial.acting)] == ["reconnect"]
    assert trial.run().is_good  # twice does no harm


def test_what_is_paused_goes_on(lab: ComposeStack, trials: Trials, paused: None) -> None:
    trial = trials.plan(SLUG, **DOCUMENT)
    assert [step.key for step in trial.action.steps(trial.acting)] == ["reconnect", "resume"]
    assert trial.probe() == Probed.CANNOT_TELL
    verified = trial.run()
    assert verified.is_good, verified.text
    assert trial.probe() == Probed.FINISHED_WELL
    assert lab.client().get("/health").status == 200
    with pytest.raises(ActionFailed, match="not paused"):
        trial.run_steps(only="resume")


def test_a_database_without_a_pooler_is_said(trials: Trials) -> None:
    assert "known: application" in trials.not_applicable(SLUG, database="other")
