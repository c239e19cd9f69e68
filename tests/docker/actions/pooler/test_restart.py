"""A real pooler is restarted once, and clients come through it again."""

from __future__ import annotations

import pytest

from awe_incidents.recovery.actions.base import AlreadyDone, Probed
from deploy.awe.compose import ComposeStack
from tests.docker.actions.conftest import Trials

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "pooler.restart"


def test_a_pooler_is_restarted_once_and_queries_come_through(lab: ComposeStack, trials: Trials) -> None:
    service = lab.settings.names.pgbouncer
    before = lab.inspect(service)["State"]["StartedAt"]
    trial = trials.plan(SLUG, service=service)
    verified = trial.run()
    assert verified.is_good, verified.text
    assert "queries to application are answered" in verified.text
    after = lab.inspect(service)["State"]["StartedAt"]
    assert after != before
    assert trial.probe() == Probed.FINISHED_WELL
    with pytest.raises(AlreadyDone):
        trial.run_steps()
    assert lab.inspect(service)["State"]["StartedAt"] == after
    lab.wait_until_healthy()


def test_another_service_is_no_pooler(lab: ComposeStack, trials: Trials) -> None:
    assert "no pooler" in trials.not_applicable(SLUG, service=lab.settings.names.api)
