"""The proxy's key is opened to everybody, or closed to the proxy, in a real deployment; each is mended and undone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from awe_incidents.recovery.actions.base import Probed
from awe_incidents.recovery.errors import ActionNotApplicable
from deploy.awe.compose import ComposeStack
from deploy.awe.compose.stack import PROXY_UID
from diagnostics.stack import read_stack
from tests.diagnostics.looks import codes, look
from tests.docker.actions.conftest import Trials

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG, CHECK = "file.permissions", "startup.file_permissions"


@pytest.fixture
def key(lab: ComposeStack) -> Iterator[Path]:
    path = lab.certificates.server.with_suffix(".key")
    before = path.stat()
    yield path
    os.chown(path, before.st_uid, before.st_gid)
    path.chmod(before.st_mode & 0o7777)
    lab.container("door").restart(timeout=3)
    lab.wait_until_healthy()


def rights(path: Path) -> str:
    about = path.stat()
    return f"{about.st_mode & 0o7777:04o}:{about.st_uid}:{about.st_gid}"


def test_an_open_key_is_closed_and_the_proxy_still_reads_it(lab: ComposeStack, trials: Trials, key: Path) -> None:
    before = rights(key)
    key.chmod(0o644)
    assert "file.key_exposed" in codes(look(CHECK, read_stack(lab.description)))
    trial = trials.plan(SLUG, files=[str(key)])
    assert trial.probe() == Probed.CANNOT_TELL
    verified = trial.run()
    assert verified.is_good, verified.text
    assert trial.probe() == Probed.FINISHED_WELL
    assert rights(key) == before
    assert codes(look(CHECK, read_stack(lab.description))) == {"file.permissions_fit"}
    lab.exec("door", ["head", "-c", "1", "/certs/server/server.key"])


def test_a_key_that_the_proxy_cannot_read_is_given_to_it_and_back(lab: ComposeStack, trials: Trials, key: Path) -> None:
    os.chown(key, 0, 0)
    key.chmod(0o600)
    lab.container("door").restart(timeout=3)  # and now it does not even start
    assert "file.unreadable" in codes(look(CHECK, read_stack(lab.description)))
    trial = trials.plan(SLUG, files=[str(key)])
    assert trial.run().is_good
    assert rights(key) == f"0640:0:{PROXY_UID}"
    lab.container("door").restart(timeout=3)
    lab.wait_until_healthy()
    assert lab.client().get("/health").status == 200
    assert codes(look(CHECK, read_stack(lab.description))) == {"file.permissions_fit"}
    back = trials.plan(SLUG, rights=[f"0600:0:0:{key}"])
    verified = back.run()
    assert (rights(key), verified.is_good) == ("0600:0:0", True)
    assert "door cannot read" in verified.text


def test_a_healthy_deployment_has_nothing_to_change(trials: Trials) -> None:
    with pytest.raises(ActionNotApplicable, match="fitting rights"):
        trials.plan(SLUG)


def test_a_file_inside_an_image_is_no_file_of_this_machine(trials: Trials) -> None:
    with pytest.raises(ActionNotApplicable, match="no file door:/etc/passwd"):
        trials.plan(SLUG, files=["door:/etc/passwd"])
