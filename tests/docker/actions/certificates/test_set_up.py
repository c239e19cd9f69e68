"""There is not one certificate, and the proxy cannot start: they are made, and it serves."""

from __future__ import annotations

import shutil

import pytest

from awe_incidents.recovery.actions.base import AlreadyDone, Probed
from deploy.awe.compose import ComposeStack
from deploy.awe.compose.stack import PROXY_UID
from tests.docker.actions.certificates.conftest import OPEN, Door, is_down
from tests.docker.actions.conftest import Trials

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "certificates.set_up"


def test_a_proxy_without_certificates_gets_them(lab: ComposeStack, trials: Trials, door: Door) -> None:
    proxy = lab.settings.names.caddy
    for one in door.certs.iterdir():
        shutil.rmtree(one)
    lab.container(proxy).restart(timeout=3)
    assert is_down(lab, proxy)
    trial = trials.plan(SLUG)
    assert list(trial.acting.facts["makes"]) == ["ca", "server", "client"]
    assert trial.acting.facts["server_owner"] == [PROXY_UID, PROXY_UID]
    verified = trial.run()
    assert verified.is_good, verified.text
    assert door.as_client() == OPEN
    assert door.curl() != OPEN
    assert door.curl(identity=door.former / "client") != OPEN
    server_key = (door.certs / "server" / "server.key").stat()
    assert (server_key.st_uid, server_key.st_mode & 0o777) == (PROXY_UID, 0o600)
    assert trial.probe() == Probed.FINISHED_WELL
    serial = door.serial()
    with pytest.raises(AlreadyDone):
        trial.run_steps()
    assert door.serial() == serial
    lab.wait_until_healthy()
    back = trials.plan("certificates.put_back").run()
    assert back.is_good, back.text
    assert [path for path in door.certs.rglob("*.crt") if "kept" not in path.parts] == []


def test_what_was_removed_with_its_folder_is_made_again(lab: ComposeStack, trials: Trials, door: Door) -> None:
    shutil.rmtree(door.certs)  # the running proxy goes on with the folder that nobody sees any more
    verified = trials.plan(SLUG).run()
    assert verified.is_good, verified.text
    assert door.as_client() == OPEN
    assert door.serial() == door.serial_of(door.certs / "server" / "server.crt")
