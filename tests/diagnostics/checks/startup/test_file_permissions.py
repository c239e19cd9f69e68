from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from diagnostics.checks.result import Result, State
from diagnostics.stack import Endpoint, Engine, Service, TlsFiles, TokenKey, Tokens
from diagnostics.stack.secrets import SecretReference
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, found, look, stack
from tests.diagnostics.mounts import dead_disk, may_mount
from tests.diagnostics.rights import NOBODY, open_folder, without_rights

SLUG = "startup.file_permissions"
KEY = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIE\n-----END PRIVATE KEY-----\n"
WAITING = ["/bin/sh", "-c", "echo; read anything"]  # every user may run it
# First becomes another user by itself, as a server does that was started by root.
BECOMING = """
import os, sys
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture
def shop() -> Iterator[Path]:
    """Give a folder that every user may enter."""
    with open_folder() as folder:
        yield folder


@contextlib.contextmanager
def service(folder: Path, *files: Path, user: int | None = None, becomes: int | None = None) -> Iterator[Service]:
    argv = WAITING if becomes is None else [sys.executable, "-c", BECOMING, str(becomes)]
    more = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/", **more)  # type: ignore[call-overload]
    assert process.stdout is not None
    process.stdout.readline()
    (folder / "till.pid").write_text(f"{process.pid}\n")
    try:
        yield Service(name="till", role="api", pid_file=folder / "till.pid", files=files)
    finally:
        process.communicate()


def looked(folder: Path, one: Service, **tables: object) -> Result:
    return look(SLUG, stack(folder, services={"till": one}, **tables))


def written(path: Path, *, mode: int = 0o600, text: str = "port = 80\n") -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_files_that_fit_pass_and_show_their_rights(shop: Path) -> None:
    with service(shop, written(shop / "till.toml", mode=0o644), written(shop / "till.env")) as till:
        result = looked(shop, till)
    shows(HEALTHY, result)
    assert codes(result) == {"file.permissions_fit"}
    assert "-rw------- uid" in result.evidence[0].content
    assert f"till: uid {os.geteuid()} " in result.evidence[1].content


def test_a_missing_file_fails(shop: Path) -> None:
    with service(shop, shop / "till.toml") as till:
        result = looked(shop, till)
    shows(fault("a file is missing"), result)
    assert found(result, "file.missing").target == str(shop / "till.toml")


def test_a_missing_compose_file_fails_and_a_missing_log_is_left_to_its_own_check(shop: Path) -> None:
    till = Service(name="till", role="api", log_files=(shop / "till.log",))
    engine = Engine(url="unix:///run/docker.sock", project="shop", compose_files=("compose.yaml",))
    assert [one.target for one in looked(shop, till, engine=engine).findings] == [str(shop / "compose.yaml")]


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o640 | 0o020, 0o602])
def test_a_private_key_that_others_can_get_at_fails(shop: Path, mode: int) -> None:
    key = written(shop / "server.key", mode=mode, text=KEY)
    files = TlsFiles(name="public", ca=shop / "ca.crt", server_key=key)
    result = looked(shop, Service(name="till", role="api"), tls={"public": files})
    shows(fault("a key is readable by everybody"), result)
    finding = found(result, "file.key_exposed")
    assert (finding.state, finding.measured["mode"].value) == (State.FAIL, f"{mode:04o}")
    assert "MC4CAQ" not in repr(result)


def test_a_key_that_is_described_only_as_a_file_is_known_by_its_content(shop: Path) -> None:
    with service(shop, written(shop / "signing", mode=0o644, text="# ours\n" + KEY)) as till:
        assert codes(looked(shop, till)) == {"file.key_exposed"}


def test_a_secret_that_everybody_reads_warns(shop: Path) -> None:
    written(shop / "secret", mode=0o644, text="a secret\n")
    tokens = Tokens(keys=(TokenKey(service="till", value=SecretReference("file", "secret")),))
    result = looked(shop, Service(name="till", role="api"), tokens=tokens)
    shows(fault("a secret is readable by everybody"), result)
    assert found(result, "file.secret_exposed").state is State.WARN


def test_configuration_that_everybody_may_change_warns(shop: Path) -> None:
    with service(shop, written(shop / "till.toml", mode=0o666)) as till:
        result = looked(shop, till)
    shows(fault("configuration is world-writable"), result)
    assert found(result, "file.world_writable").state is State.WARN


@pytest.mark.parametrize(("mode", "code"), [(0o777, "file.in_open_folder"), (0o1777, "file.permissions_fit")])
def test_a_folder_in_which_everybody_may_replace_the_file_warns_unless_it_is_sticky(
    shop: Path, mode: int, code: str
) -> None:
    (shop / "open").mkdir()
    (shop / "open").chmod(mode)
    with service(shop, written(shop / "open" / "till.toml", mode=0o644)) as till:
        assert codes(looked(shop, till)) == {code}


def test_what_is_no_file_warns_at_once(shop: Path) -> None:
    os.mkfifo(shop / "till.toml", 0o600)
    began = time.monotonic()
    with service(shop, shop / "till.toml") as till:
        assert codes(looked(shop, till)) == {"file.not_regular"}
    assert time.monotonic() - began < 3


def test_a_folder_that_this_user_may_not_enter_is_an_error(shop: Path) -> None:
    (shop / "closed").mkdir()
    path = written(shop / "closed" / "till.toml")
    (shop / "closed").chmod(0)
    with without_rights():
        result = looked(shop, Service(name="till", role="api", files=(path,)))
    (shop / "closed").chmod(0o755)
    assert found(result, "not_permitted").state is State.ERROR


def test_of_a_service_whose_process_is_not_known_nothing_is_claimed(shop: Path) -> None:
    till = Service(name="till", role="api", pid_file=shop / "none.pid", files=(written(shop / "till.toml"),))
    result = looked(shop, till)
    assert codes(result) == {"file.permissions_fit"}
    assert "till: not known" in result.evidence[1].content


def test_a_stack_without_files_has_nothing_to_look_at(tmp_path: Path) -> None:
    assert codes(look(SLUG, stack(tmp_path))) == {"not_applicable"}


if os.geteuid() == 0:  # who else could start a service as another user

    def test_a_file_that_the_service_cannot_read_fails(shop: Path) -> None:
        with service(shop, written(shop / "till.toml"), user=NOBODY) as till:
            result = looked(shop, till)
        shows(fault("the service cannot read its file"), result)
        finding = found(result, "file.unreadable")
        assert finding.state is State.FAIL
        assert f"till (uid {NOBODY}) cannot read {shop / 'till.toml'}" in finding.message
        assert "its mode 0600" in finding.message
        assert len(finding.citations) == 2

    def test_a_folder_on_the_way_that_the_service_cannot_enter_is_named(shop: Path) -> None:
        (shop / "closed").mkdir(mode=0o700)
        path = written(shop / "closed" / "till.toml", mode=0o644)
        (shop / "link.toml").symlink_to(path)
        with service(shop, shop / "link.toml", user=NOBODY) as till:
            finding = found(looked(shop, till), "file.unreadable")
        assert f"the folder {shop / 'closed'} (drwx------" in finding.message

    def test_the_key_of_an_endpoint_must_be_readable_by_the_service_behind_it(shop: Path) -> None:
        files = TlsFiles(name="public", ca=shop / "ca.crt", server_key=written(shop / "server.key", text=KEY))
        endpoint = Endpoint(name="till", service="till", url="https://127.0.0.1:1", tls="public")
        with service(shop, user=NOBODY) as till:
            result = looked(shop, till, tls={"public": files}, endpoints={"till": endpoint})
            assert codes(result) == {"file.unreadable"}
            os.chown(shop / "server.key", NOBODY, NOBODY)
            assert codes(looked(shop, till, tls={"public": files})) == {"file.permissions_fit"}

    def test_a_service_that_gave_up_root_may_have_read_it_before(shop: Path) -> None:
        with service(shop, written(shop / "till.toml"), becomes=NOBODY) as till:
            result = looked(shop, till)
        assert found(result, "file.unreadable_again").state is State.WARN
        assert codes(result) == {"file.unreadable_again"}

    def test_a_group_that_may_read_is_enough(shop: Path) -> None:
        path = written(shop / "till.toml", mode=0o640)
        os.chown(path, 0, NOBODY)
        with service(shop, path, user=NOBODY) as till:
            assert codes(looked(shop, till)) == {"file.permissions_fit"}

    def test_where_an_access_list_stands_the_mode_proves_nothing(shop: Path) -> None:
        path = written(shop / "till.toml")
        entries = [(1, 6, 2**32 - 1), (2, 4, NOBODY), (4, 0, 2**32 - 1), (16, 4, 2**32 - 1), (32, 0, 2**32 - 1)]
        packed = b"".join(
            tag.to_bytes(2, "little") + rights.to_bytes(2, "little") + who.to_bytes(4, "little")
            for tag, rights, who in entries
        )
        os.setxattr(path, "system.posix_acl_access", (2).to_bytes(4, "little") + packed)
        with service(shop, path, user=NOBODY) as till:
            assert codes(looked(shop, till)) == {"file.permissions_fit"}


if may_mount():

    def test_a_dead_disk_hides_no_other_file(shop: Path) -> None:
        with dead_disk() as disk:
            on_disk = Service(name="till", role="api", files=(disk / "till.toml",))
            shows(HANGING, looked(shop, on_disk))
            both = Service(name="till", role="api", files=(disk / "till.toml", shop / "none.toml"))
            assert codes(looked(shop, both)) == {"file.hangs", "file.missing"}
