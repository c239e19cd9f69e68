"""Every container of a real deployment is stopped and started once, in order, and the stack serves again."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from awe_incidents.recovery.actions.base import AlreadyDone, Probed
from awe_incidents.recovery.actions.registry import action
from deploy.awe.compose import ComposeStack
from tests.docker.actions.conftest import Trials

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "stack.full_restart"


def starts(lab: ComposeStack) -> dict[str, str]:
    return {name: lab.inspect(name)["State"]["StartedAt"] for name in asdict(lab.settings.names).values()}


def test_all_are_started_anew_in_their_order_and_serve(lab: ComposeStack, trials: Trials) -> None:
    names, before = lab.settings.names, starts(lab)
    ids = {name: lab.container(name).id for name in before}
    workflows = trials.psql("SELECT count(*) FROM workflows")
    trial = trials.plan(SLUG)
    assert trial.probe() == Probed.CANNOT_TELL
    verified = trial.run()
    assert verified.is_good, verified.text
    after = starts(lab)
    assert all(after[name] > before[name] for name in before)
    assert after[names.database] < after[names.pgbouncer] < after[names.api] < after[names.caddy]
    assert {name: lab.container(name).id for name in before} == ids
    assert trials.psql("SELECT count(*) FROM workflows") == workflows
    assert trial.probe() == Probed.FINISHED_WELL
    with pytest.raises(AlreadyDone):
        trial.run_steps()
    assert starts(lab) == after
    lab.wait_until_healthy()


def test_a_worker_lost_half_way_is_seen(lab: ComposeStack, trials: Trials) -> None:
    trial = trials.plan(SLUG)

    def lose_after_two() -> None:
        if len([line for line in trial.said if line.startswith("stopped")]) == 2:
            raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        trial.run_steps(check=lose_after_two)
    try:
        assert trial.probe() == Probed.FINISHED_BADLY
    finally:
        lab.compose("start")
        lab.wait_until_healthy()


def test_services_in_a_circle_are_said(trials: Trials) -> None:
    stack = trials.site.stack
    services = {name: replace(one, depends_on=tuple(stack.services)) for name, one in stack.services.items()}
    one = action(SLUG)
    assert "in a circle" in str(one.not_applicable(replace(stack, services=services), one.parameters()))
