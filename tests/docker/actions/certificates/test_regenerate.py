"""CA, server and client are made anew on the deployment; who holds the former ones is refused."""

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

SLUG = "certificates.regenerate"


def test_everything_is_other_than_before_and_serves(lab: ComposeStack, trials: Trials, door: Door) -> None:
    assert door.as_client() == OPEN
    trial = trials.plan(SLUG)
    verified = trial.run()
    assert verified.is_good, verified.text
    assert door.as_client() == OPEN
    assert door.curl() != OPEN
    ca = door.certs / "ca" / "ca.crt"
    assert door.curl(identity=door.former / "client", ca=ca) != OPEN  # an old client
    assert "certificate" in door.curl(identity=door.certs / "client", ca=door.former / "ca" / "ca.crt")  # an old trust
    for role in ("ca", "server", "client"):
        name = f"{role}/{role}"
        assert door.serial_of(door.certs / f"{name}.crt") != door.serial_of(door.former / f"{name}.crt")
        now, before = (door.certs / f"{name}.key").stat(), (door.former / f"{name}.key").stat()
        assert (now.st_uid, now.st_gid, now.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert trial.probe() == Probed.FINISHED_WELL
    with pytest.raises(AlreadyDone):
        trial.run_steps()
    lab.wait_until_healthy()
    assert lab.token()
