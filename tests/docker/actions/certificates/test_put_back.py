"""The way back on the deployment: the former CA, server and client serve again, byte for byte."""

from __future__ import annotations

import pytest

from awe_incidents.recovery.actions.base import AlreadyDone, Probed
from deploy.awe.compose import ComposeStack
from tests.docker.actions.certificates.conftest import OPEN, Door
from tests.docker.actions.conftest import Trials

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "certificates.put_back"
FILES = ("ca/ca.crt", "ca/ca.key", "server/server.crt", "server/server.key", "client/client.crt", "client/client.key")


def test_what_was_regenerated_is_gone_back_on(lab: ComposeStack, trials: Trials, door: Door) -> None:
    former = door.serial()
    assert trials.plan("certificates.regenerate").run().is_good
    assert door.curl(identity=door.former / "client", ca=door.former / "ca" / "ca.crt") != OPEN
    made = {name: (door.certs / name).read_bytes() for name in FILES}
    trial = trials.plan(SLUG)
    verified = trial.run()
    assert verified.is_good, verified.text
    for name in FILES:
        now, before = door.certs / name, door.former / name
        assert now.read_bytes() == before.read_bytes()
        assert (now.stat().st_uid, now.stat().st_mode) == (before.stat().st_uid, before.stat().st_mode)
    assert door.serial() == former
    assert door.curl(identity=door.former / "client", ca=door.former / "ca" / "ca.crt") == OPEN
    assert door.curl() != OPEN
    assert trial.probe() == Probed.FINISHED_WELL
    with pytest.raises(AlreadyDone):
        trial.run_steps()
    forth = trials.plan(SLUG)  # what was put back can be gone back on, too
    assert forth.run().is_good
    assert {name: (door.certs / name).read_bytes() for name in FILES} == made
    assert door.as_client() == OPEN
    lab.wait_until_healthy()
