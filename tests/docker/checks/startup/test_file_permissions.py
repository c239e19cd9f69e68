from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from docker.types import Mount

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.stack import PROXY_UID
from diagnostics.checks.result import Result, State
from diagnostics.stack import read_stack
from tests.diagnostics.checks.matrix import fault, shows
from tests.diagnostics.looks import codes, found, look
from tests.docker.checks.breaking import finding_of
from tests.docker.checks.strays import STRAY, described, stray

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "startup.file_permissions"
WAITING = "import time\nprint('ready')\ntime.sleep(600)"
DROPPING = "import os, time\nos.setgroups([]); os.setgid(1234); os.setuid(1234)\n" + WAITING
KEY = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIE\n-----END PRIVATE KEY-----\n"


@contextmanager
def rights(path: Path, *, mode: int, owner: int = PROXY_UID) -> Iterator[None]:
    """Give a file these rights for a while."""
    before = path.stat()
    path.chmod(mode)
    shutil.chown(path, owner, owner)
    try:
        yield
    finally:
        path.chmod(before.st_mode & 0o7777)
        shutil.chown(path, before.st_uid, before.st_gid)


def mounted(path: Path, text: str, *, mode: int) -> Mount:
    path.write_text(text)
    path.chmod(mode)
    return Mount(target=f"/etc/stray/{path.name}", source=str(path), type="bind", read_only=True)


def looked(lab: ComposeStack, *files: str) -> Result:
    return look(SLUG, described(lab, files=tuple(map(Path, files))))


def of_stray(result: Result) -> set[str]:
    return {one.code for one in result.findings if STRAY in one.target}


def test_the_files_of_containers_have_fitting_rights(lab: ComposeStack) -> None:
    result = look(SLUG, read_stack(lab.description))
    assert codes(result) == {"file.permissions_fit"}, [one.message for one in result.findings]
    inside = next(one for one in result.evidence if one.source.startswith("files of door"))
    assert "/certs/server/server.key" in inside.content
    assert f"uid {PROXY_UID}" in next(
        one.content for one in result.evidence if one.source.startswith("the user of door")
    )


def test_a_key_that_everybody_can_read_fails(lab: ComposeStack) -> None:
    key = lab.certificates.server.with_suffix(".key")
    with rights(key, mode=0o644):
        result = look(SLUG, read_stack(lab.description))
    shows(fault("a mounted key is readable by everybody"), result)
    finding_of(result, "file.key_exposed", str(key))
    assert len(result.findings) == 1


def test_a_key_that_the_containers_user_cannot_read_fails(lab: ComposeStack) -> None:
    key = lab.certificates.server.with_suffix(".key")
    with rights(key, mode=0o600, owner=0):
        result = look(SLUG, read_stack(lab.description))
        assert found(result, "file.unreadable").target == str(key)
        lab.container("door").restart(timeout=3)  # and now it does not even start
        again = look(SLUG, read_stack(lab.description))
    lab.container("door").restart(timeout=3)
    lab.wait_until_healthy()
    shows(fault("a container's user cannot read its key"), result)
    finding_of(result, "file.unreadable", str(key))
    assert f"door (uid {PROXY_UID}) cannot read" in result.leading.message
    finding_of(again, "file.unreadable", str(key))


def test_what_is_described_and_not_in_the_container_is_missing(lab: ComposeStack) -> None:
    with stray(lab, WAITING):
        result = looked(lab, "/etc/stray.toml", "/etc/hostname")
    shows(fault("a file of a container is missing"), result)
    finding_of(result, "file.missing", f"{STRAY}:/etc/stray.toml")
    assert of_stray(result) == {"file.missing"}


def test_a_mounted_key_is_known_by_its_content(lab: ComposeStack, tmp_path: Path) -> None:
    with stray(lab, WAITING, mounts=[mounted(tmp_path / "signing", KEY, mode=0o644)]):
        finding = found(looked(lab), "file.key_exposed")
    assert finding.target == f"{STRAY}:/etc/stray/signing"


def test_a_mounted_file_that_its_user_cannot_read_fails(lab: ComposeStack, tmp_path: Path) -> None:
    with stray(lab, WAITING, user="1234", mounts=[mounted(tmp_path / "stray.toml", "port = 80\n", mode=0o600)]):
        finding = found(looked(lab), "file.unreadable")
    assert f"{STRAY} (uid 1234) cannot read /etc/stray/stray.toml" in finding.message


def test_what_only_the_start_must_read_is_no_fault_unless_it_is_described(lab: ComposeStack, tmp_path: Path) -> None:
    with stray(lab, DROPPING, mounts=[mounted(tmp_path / "stray.toml", "port = 80\n", mode=0o600)]):
        assert of_stray(looked(lab)) == set()
        finding = found(looked(lab, "/etc/stray/stray.toml"), "file.unreadable_again")
    assert finding.state is State.WARN


def test_a_source_that_is_gone_is_missing_before_the_container_notices(lab: ComposeStack, tmp_path: Path) -> None:
    with stray(lab, WAITING, mounts=[mounted(tmp_path / "stray.toml", "port = 80\n", mode=0o644)]):
        (tmp_path / "stray.toml").unlink()
        finding = found(looked(lab), "file.missing")
    assert "on the host is gone" in finding.message


def test_the_engines_socket_must_let_its_user_in(lab: ComposeStack) -> None:
    socket = lab.host.removeprefix("unix://")
    mount = Mount(target="/var/run/docker.sock", source=socket, type="bind")
    with stray(lab, WAITING, user="1234", mounts=[mount]):
        finding = found(looked(lab), "file.unreadable")
    assert "cannot use the socket /var/run/docker.sock" in finding.message
    with stray(lab, WAITING, mounts=[mount]):
        assert of_stray(looked(lab)) == set()
