"""Rights of real files are made to fit: for a service with a user of its own, by a handle, and never by a link."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.recovery import operations
from awe_incidents.recovery.actions.base import Acting, ActionFailed, Doing, Probed
from awe_incidents.recovery.actions.registry import action
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.errors import ActionNotApplicable, ParametersInvalid
from awe_incidents.recovery.operations.planning import planned
from deploy.awe.process import ProcessStack
from deploy.awe.process.faults.key_exposed import KeyExposed
from diagnostics.operations import apply_stack
from diagnostics.stack import SecretResolver, Service, StackConfig, TlsFiles, TokenKey, Tokens, read_stack
from diagnostics.stack.secrets import SecretReference
from tests.conftest import SETUP
from tests.diagnostics.checks.startup.test_file_permissions import KEY, service, shop, written
from tests.diagnostics.looks import codes, look, stack
from tests.diagnostics.rights import NOBODY
from tests.recovery.conftest import actor, end_of

SLUG, CHECK = "file.permissions", "startup.file_permissions"
__all__ = ["shop"]


def rights(path: Path) -> str:
    about = path.stat()
    return f"{about.st_mode & 0o7777:04o}:{about.st_uid}:{about.st_gid}"


@contextmanager
def acting_on(described: StackConfig, **document: Any) -> Iterator[Acting[Any]]:
    with closing(Site(described, SecretResolver(described.root))) as site:
        yield planned(site, slug=SLUG, document=document).acting


def run(acting: Acting[Any]) -> list[str]:
    said: list[str] = []
    assert list(action(SLUG).prechecks(acting)) == []
    for step in action(SLUG).steps(acting):
        step.run(Doing(token="awe-recovery-1-1", say=said.append, check=lambda: None))
    return said


def with_key(folder: Path, key: Path, *services: Service) -> StackConfig:
    files = TlsFiles(name="public", ca=folder / "ca.crt", server_key=key)
    known = {one.name: one for one in services} or {"till": Service(name="till", role="api")}
    return stack(folder, services=known, tls={"public": files})


def test_an_open_key_is_closed_and_the_check_passes(shop: Path) -> None:
    key = written(shop / "server.key", mode=0o644, text=KEY)
    described = with_key(shop, key)
    assert codes(look(CHECK, described)) == {"file.key_exposed"}
    with acting_on(described, files=[str(key)]) as acting:
        assert action(SLUG).probe(acting) == Probed.CANNOT_TELL
        run(acting)
        verified = action(SLUG).verify(acting)
        assert verified.is_good, verified.text
        assert action(SLUG).probe(acting) == Probed.FINISHED_WELL
        assert "replace it" in action(SLUG).plan(acting).warnings[0]
    assert key.stat().st_mode & 0o7777 == 0o600
    assert codes(look(CHECK, described)) == {"file.permissions_fit"}


@pytest.mark.as_root
def test_a_group_that_may_need_roots_key_keeps_it(shop: Path) -> None:
    key = written(shop / "server.key", mode=0o644, text=KEY)
    os.chown(key, 0, 12345)
    with acting_on(with_key(shop, key)) as acting:
        run(acting)
    assert rights(key) == "0640:0:12345"


@pytest.mark.as_root
def test_what_a_plan_gives_to_go_back_is_taken_and_opens_nothing_to_everybody(shop: Path) -> None:
    with service(shop, written(shop / "till.toml", mode=0o600), user=NOBODY) as till:
        described = stack(shop, services={"till": till})
        before = rights(shop / "till.toml")
        with acting_on(described) as acting:
            run(acting)
            assert rights(shop / "till.toml") == f"0640:0:{NOBODY}"
            assert action(SLUG).verify(acting).is_good
            back = action(SLUG).plan(acting).way_back
        assert codes(look(CHECK, described)) == {"file.permissions_fit"}
        named = f"{before}:{shop / 'till.toml'}"
        assert f'"{named}"' in back
        with acting_on(described, rights=[named]) as acting:
            run(acting)
            verified = action(SLUG).verify(acting)
        assert rights(shop / "till.toml") == before
        assert verified.is_good
        assert "till cannot read" in verified.text


@pytest.mark.parametrize("mode", ["0604", "0644", "0602"])
def test_named_rights_never_open_a_file_to_everybody(shop: Path, mode: str) -> None:
    till = Service(name="till", role="api", files=(written(shop / "till.toml", mode=0o600),))
    with (
        pytest.raises(ActionNotApplicable, match="would open"),
        acting_on(stack(shop, services={"till": till}), rights=[f"{mode}:0:0:{shop / 'till.toml'}"]),
    ):
        pass


def test_named_rights_never_open_a_key_or_secret(shop: Path) -> None:
    key = written(shop / "server.key", mode=0o600, text=KEY)
    written(shop / "secret", mode=0o604, text="a secret\n")
    tokens = Tokens(keys=(TokenKey(service="till", value=SecretReference("file", "secret")),))
    described = stack(shop, services={"till": Service(name="till", role="api", files=(key,))}, tokens=tokens)
    for named in (f"0660:0:0:{key}", f"0640:{NOBODY}:0:{key}", f"0604:0:{NOBODY}:{shop / 'secret'}"):
        with pytest.raises(ActionNotApplicable, match="would open"), acting_on(described, rights=[named]):
            pass


@pytest.mark.as_root
def test_a_key_that_its_service_cannot_read_gets_its_group_or_its_owner(shop: Path) -> None:
    of_root = written(shop / "root.key", text=KEY)
    of_other = written(shop / "other.key", text=KEY)
    os.chown(of_other, 12345, 12345)
    with (
        service(shop, of_root, of_other, user=NOBODY) as till,
        acting_on(stack(shop, services={"till": till})) as acting,
    ):
        run(acting)
        assert action(SLUG).verify(acting).is_good
    assert (rights(of_root), rights(of_other)) == (f"0640:0:{NOBODY}", f"0600:{NOBODY}:12345")


def test_a_secret_and_configuration_that_everybody_can_change_are_closed(shop: Path) -> None:
    secret = written(shop / "secret", mode=0o646, text="a secret\n")
    file = written(shop / "till.toml", mode=0o666)
    tokens = Tokens(keys=(TokenKey(service="till", value=SecretReference("file", "secret")),))
    with service(shop, file) as till, acting_on(stack(shop, services={"till": till}, tokens=tokens)) as acting:
        run(acting)
    assert (rights(secret)[:4], rights(file)[:4]) == ("0640", "0664")


def test_links_second_names_and_folders_are_refused(shop: Path) -> None:
    real = written(shop / "elsewhere", mode=0o666)
    (shop / "link.toml").symlink_to(real)
    two = written(shop / "two.toml", mode=0o666)
    (shop / "second").hardlink_to(two)
    with service(shop, shop / "link.toml", two, shop) as till:
        described = stack(shop, services={"till": till})
        for name, match in ((str(shop / "link.toml"), "is a link to"), (str(two), "has 2 names")):
            with pytest.raises(ActionNotApplicable, match=match), acting_on(described, files=[name]):
                pass
        with pytest.raises(ActionNotApplicable, match="fitting rights"), acting_on(described, files=[str(shop)]):
            pass
    assert (real.stat().st_mode & 0o777, two.stat().st_mode & 0o777) == (0o666, 0o666)


def test_a_link_put_in_its_place_or_on_its_way_is_not_followed(shop: Path) -> None:
    victim = written(shop / "victim", mode=0o666)
    (shop / "conf").mkdir()
    (shop / "elsewhere").mkdir()
    file = written(shop / "conf" / "till.toml", mode=0o666)
    inode = file.stat().st_ino
    with service(shop, file) as till, acting_on(stack(shop, services={"till": till})) as acting:
        file.rename(shop / "kept")
        file.symlink_to(victim)
        with pytest.raises(ActionFailed, match="cannot be opened without following a link"):
            run(acting)
        file.unlink()
        (shop / "conf").rmdir()
        (shop / "kept").rename(shop / "elsewhere" / "till.toml")
        (shop / "conf").symlink_to(shop / "elsewhere")  # the very file, by another way
        with pytest.raises(ActionFailed, match="cannot be opened without following a link"):
            run(acting)
    assert (shop / "elsewhere" / "till.toml").stat().st_ino == inode
    assert {path.stat().st_mode & 0o777 for path in (victim, shop / "elsewhere" / "till.toml")} == {0o666}


def test_another_file_or_other_rights_than_the_approved_ones_are_left(shop: Path) -> None:
    file = written(shop / "till.toml", mode=0o666)
    with service(shop, file) as till, acting_on(stack(shop, services={"till": till})) as acting:
        file.chmod(0o667)
        with pytest.raises(ActionFailed, match="somebody changed it"):
            run(acting)
        written(shop / "new", mode=0o666).replace(file)
        with pytest.raises(ActionFailed, match="is not the file that was approved"):
            run(acting)
    assert file.stat().st_mode & 0o777 == 0o666


def test_a_second_time_changes_nothing(shop: Path) -> None:
    file = written(shop / "till.toml", mode=0o666)
    with service(shop, file) as till, acting_on(stack(shop, services={"till": till})) as acting:
        run(acting)
        changed = file.stat().st_ctime_ns
        assert "already" in run(acting)[0]
    assert file.stat().st_ctime_ns == changed


def test_some_of_several_is_finished_badly(shop: Path) -> None:
    files = [written(shop / name, mode=0o666) for name in ("one.toml", "two.toml", "three.toml")]
    with service(shop, *files) as till, acting_on(stack(shop, services={"till": till})) as acting:
        first, second, _ = action(SLUG).steps(acting)
        doing = Doing(token="awe-recovery-1-1", say=print, check=lambda: None)
        first.run(doing)
        assert action(SLUG).probe(acting) == Probed.FINISHED_BADLY
        assert not action(SLUG).verify(acting).is_good
        second.run(doing)
        assert action(SLUG).probe(acting) == Probed.CANNOT_TELL  # a worker that was stopped may do the last one yet
        Path(acting.facts["files"][2]["path"]).unlink()
        assert action(SLUG).probe(acting) == Probed.FINISHED_BADLY


def test_a_file_between_two_rights_may_still_get_the_approved_ones(shop: Path) -> None:
    key = written(shop / "server.key", mode=0o644, text=KEY)
    with acting_on(with_key(shop, key), files=[str(key)]) as acting:
        fact = acting.facts["files"][0]
        key.chmod(int(fact["rights"].split(":")[0], 8) & int(fact["wanted"].split(":")[0], 8))
        assert action(SLUG).probe(acting) in {Probed.CANNOT_TELL, Probed.FINISHED_WELL}
        key.chmod(0o666)
        assert action(SLUG).probe(acting) == Probed.FINISHED_BADLY  # as somebody else made it


@pytest.mark.as_root
def test_services_that_no_one_owner_and_group_serves_are_said(shop: Path) -> None:
    file = written(shop / "till.toml")
    with service(shop, file, user=NOBODY) as till:
        (shop / "other").mkdir()
        with service(shop / "other", file, user=12345) as other:
            both = {"till": till, "bar": Service(name="bar", role="worker", pid_file=other.pid_file, files=(file,))}
            with (
                pytest.raises(ActionNotApplicable, match="no one owner and group"),
                acting_on(stack(shop, services=both), files=[str(file)]),
            ):
                pass
    assert rights(file)[:4] == "0600"


@pytest.mark.as_root
def test_a_folder_that_keeps_its_service_out_is_named_and_left(shop: Path) -> None:
    (shop / "closed").mkdir(mode=0o700)
    file = written(shop / "closed" / "till.toml")
    with (
        service(shop, file, user=NOBODY) as till,
        pytest.raises(ActionNotApplicable, match="closed keeps till out"),
        acting_on(stack(shop, services={"till": till}), files=[str(file)]),
    ):
        pass


def test_a_file_that_nobody_describes_is_refused(shop: Path) -> None:
    described = stack(shop, services={"till": Service(name="till", role="api")})
    for document in ({"files": ["/etc/shadow"]}, {"rights": ["0640:0:0:/etc/shadow"]}):
        with pytest.raises(ActionNotApplicable, match="no file /etc/shadow"), acting_on(described, **document):
            pass
    with pytest.raises(ParametersInvalid), acting_on(described, rights=["4755:0:0:/bin/sh"]):
        pass


@pytest.mark.django_db(transaction=True)
def test_the_reference_stacks_open_key_is_closed_after_approval(
    transactional_db: None, awe_stack: ProcessStack, operator: User, approver: User, signed_trail: None, rings: object
) -> None:
    config = read_stack(awe_stack.root / "stack.toml")
    stored = apply_stack(config=config, by=SETUP, at=timezone.now()).stack
    fault = KeyExposed(awe_stack)
    fault.inject()
    try:
        at, document = timezone.now(), {"files": [str(awe_stack.layout.key("server"))]}
        request = operations.request_action(
            stack=stored, slug=SLUG, document=document, user=operator, by=actor(operator), at=at, because="it is open"
        )
        digest = request.terms.digest
        request = operations.approve_request(
            request=request, user=approver, by=actor(approver), at=at, because="it is", digest=digest
        )
        assert fault.is_broken()
        operations.execute(execution_id=request.execution.pk)
        assert not fault.is_broken()
    finally:
        fault.mend()
    assert end_of(request.execution) == ("succeeded", "whole", "done")
    assert not request.terms.plan["destroys"]
