"""A paused container goes on where it stood, once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from awe_incidents.recovery.actions.base import AlreadyDone, Probed
from awe_incidents.recovery.errors import ActionNotApplicable
from deploy.awe.compose import ComposeStack
from tests.docker.actions.conftest import Trials

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "service.unpause"


@pytest.fixture(autouse=True)
def _paused(lab: ComposeStack) -> Iterator[None]:
    lab.container("runner").pause()
    yield
    if lab.container("runner").status == "paused":
        lab.container("runner").unpause()
    lab.wait_until_healthy()


def test_it_goes_on_with_the_same_processes_once(lab: ComposeStack, trials: Trials) -> None:
    before = lab.inspect("runner")["State"]
    trial = trials.plan(SLUG, service="runner")
    assert trial.probe() == Probed.CANNOT_TELL
    verified = trial.run()
    assert verified.is_good, verified.text
    after = lab.inspect("runner")["State"]
    assert (after["Status"], after["Pid"], after["StartedAt"]) == ("running", before["Pid"], before["StartedAt"])
    assert trial.probe() == Probed.FINISHED_WELL
    lab.container("runner").pause()
    with pytest.raises(AlreadyDone):
        trial.run_steps()
    assert lab.inspect("runner")["State"]["Status"] == "paused"


def test_one_that_was_started_anew_is_not_guessed_at(lab: ComposeStack, trials: Trials) -> None:
    trial = trials.plan(SLUG, service="runner")
    lab.container("runner").unpause()
    lab.container("runner").restart(timeout=3)
    assert trial.probe() == Probed.CANNOT_TELL


def test_what_is_not_paused_is_said(trials: Trials) -> None:
    with pytest.raises(ActionNotApplicable, match="is running, not paused"):
        trials.plan(SLUG, service="gateway")
    assert "no service nothing" in trials.not_applicable(SLUG, service="nothing")
