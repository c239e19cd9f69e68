"""Former keys are gone from the deployment's folders, what serves goes on, and the newest set comes back."""

from __future__ import annotations

import subprocess

import pytest

from awe_incidents.recovery.actions.base import Probed
from awe_incidents.recovery.errors import ActionNotApplicable
from deploy.awe.compose import ComposeStack
from tests.docker.actions.certificates.conftest import OPEN, Door
from tests.docker.actions.conftest import Trials

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "certificates.prune_kept"


def kept_keys(door: Door) -> list[str]:
    """Give the files with a private key below kept/, by plain grep."""
    words = ["grep", "-rlF", "PRIVATE KEY", str(door.certs / "kept")]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    return sorted(line.rpartition("kept/")[2] for line in found.stdout.splitlines())


def test_the_keys_of_the_older_set_are_gone_and_the_newer_comes_back(
    lab: ComposeStack, trials: Trials, door: Door
) -> None:
    first = trials.plan("certificates.renew", which=["server"])
    assert first.run().is_good
    between = door.serial()
    second = trials.plan("certificates.renew", which=["server"])
    assert second.run().is_good
    older, newer = first.tokens[0], second.tokens[0]
    assert {one.partition("/")[0] for one in kept_keys(door)} == {older, newer}
    serving = door.serial()
    trial = trials.plan(SLUG, keep=1)
    assert trial.probe() == Probed.CANNOT_TELL
    verified = trial.run()
    assert verified.is_good, verified.text
    assert {one.partition("/")[0] for one in kept_keys(door)} == {newer}
    assert (door.serial(), door.as_client()) == (serving, OPEN)
    assert trial.probe() == Probed.FINISHED_WELL
    with pytest.raises(ActionNotApplicable, match="all of them stay"):
        trials.plan(SLUG, keep=1)
    with pytest.raises(ActionNotApplicable, match="there is no"):
        trials.plan("certificates.put_back", kept=older)
    assert trials.plan("certificates.put_back").run().is_good
    assert door.serial() == between
    lab.wait_until_healthy()
