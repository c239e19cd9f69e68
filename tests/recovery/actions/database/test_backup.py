"""A database of processes is backed up once, and plain tools read what came of it."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.recovery import operations
from awe_incidents.recovery.actions import dumping_here
from awe_incidents.recovery.actions.base import ActionFailed, Probed
from awe_incidents.recovery.actions.dumping import DumpParameters
from awe_incidents.recovery.actions.registry import action
from awe_incidents.recovery.actions.stack.reset import ResetParameters
from awe_incidents.recovery.errors import ActionNotApplicable, LeaseLost
from awe_incidents.recovery.models import Execution, RecoveryRequest
from deploy.awe.process.environments import MONITOR, ROLE
from diagnostics.models import Stack
from diagnostics.stack import Backups, SecretResolver
from tests.recovery.actions.database.conftest import Dumps
from tests.recovery.conftest import actor, end_of
from tests.recovery.test_lost_workers import kill, start, sweep_until, wait_for_step
from tests.recovery.traces import forms_of, found_in, processes
from tests.recovery.trial import Trial

pytestmark = pytest.mark.django_db(transaction=True)
SLUG, NAME = "database.backup", "before-the-test"
FILE = f"{NAME}.dump"
PART = f".{FILE}.part"


def ask(stack: Stack, operator: User, slug: str = SLUG, name: str = NAME) -> RecoveryRequest:
    return operations.request_action(
        stack=stack,
        slug=slug,
        document={"database": "application", "name": name},
        user=operator,
        by=actor(operator),
        at=timezone.now(),
        because="before a change",
    )


def test_a_dump_is_made_once_and_plain_tools_read_it(
    dumps: Dumps, stack: Stack, operator: User, signed_trail: None, rings: object
) -> None:
    request = ask(stack, operator)
    assert request.terms.plan["way_back"] == f"remove {dumps.folder / FILE} and its .sha256"
    operations.execute(execution_id=request.execution.pk)
    assert end_of(request.execution) == ("succeeded", "whole", "done"), request.execution.outcome
    assert "tables with data" in request.execution.outcome
    assert "TABLE DATA public users" in dumps.pg("pg_restore", "--list", FILE)
    assert dumps.tool("sha256sum", "-c", f"{FILE}.sha256") == f"{FILE}: OK\n"
    assert dumps.tool("stat", "-c", "%a %h", FILE, f"{FILE}.sha256") == "600 1\n600 1\n"
    assert dumps.unfinished() == []
    with dumps.beside() as address:
        dumps.pg("pg_restore", "--exit-on-error", "--no-owner", "--no-acl", f"--dbname={address}", FILE)
        assert dumps.rows("read_back") == dumps.rows()
    with pytest.raises(ActionNotApplicable, match="never overwritten"):
        ask(stack, operator)


def test_a_second_time_is_refused_and_what_was_removed_can_be_made_again(dumps: Dumps) -> None:
    trial = dumps.plan(SLUG, NAME)
    assert trial.probe() == Probed.NOT_STARTED
    verified = trial.run()
    assert verified.is_good, verified.text
    assert verified.after["sha256"] == dumps.tool("sha256sum", FILE).split()[0]
    assert trial.probe() == Probed.FINISHED_WELL
    before = dumps.tool("stat", "-c", "%i %Y", FILE)
    with pytest.raises(ActionFailed, match=f"{FILE} is there already"):
        trial.run_steps()
    assert dumps.tool("stat", "-c", "%i %Y", FILE) == before
    dumps.tool("rm", FILE, f"{FILE}.sha256")
    assert dumps.plan(SLUG, NAME).run().is_good


@pytest.mark.parametrize("taken", [FILE, PART, f"{FILE}.sha256"])
def test_what_is_there_is_never_overwritten(dumps: Dumps, taken: str, tmp_path: Path) -> None:
    trial = dumps.plan(SLUG, NAME)
    elsewhere = tmp_path / "elsewhere"
    for content in ("precious", None):  # a link to a file, and one to nowhere
        if content:
            elsewhere.write_text(content)
        (dumps.folder / taken).symlink_to(elsewhere)
        with pytest.raises(ActionFailed, match=r"is there( already)?$"):
            trial.run_steps()
        with pytest.raises(ActionNotApplicable, match="never overwritten"):
            dumps.plan(SLUG, NAME)
        assert [path.name for path in dumps.folder.iterdir() if NAME in path.name] == [taken]
        (dumps.folder / taken).unlink()
        assert (elsewhere.read_text() if elsewhere.exists() else None) == content
        elsewhere.unlink(missing_ok=True)


def test_a_folder_that_leads_elsewhere_since_is_refused(dumps: Dumps, tmp_path: Path) -> None:
    trial = dumps.plan(SLUG, NAME)
    aside = dumps.folder.rename(tmp_path / "aside")
    try:
        for is_link in (True, False):
            dumps.folder.symlink_to(aside) if is_link else dumps.folder.mkdir()
            with pytest.raises(ActionFailed, match=r"not the folder that was approved|Not a directory"):
                trial.run_steps()
            dumps.folder.unlink() if is_link else dumps.folder.rmdir()
        with pytest.raises(ActionNotApplicable, match="cannot be opened: No such file"):
            dumps.plan(SLUG, NAME)
    finally:
        aside.rename(dumps.folder)
    assert not [path for path in dumps.folder.iterdir() if NAME in path.name]


def test_who_writes_an_unfinished_dump_is_told_from_what_was_left(dumps: Dumps) -> None:
    trial = dumps.plan(SLUG, NAME)
    with (dumps.folder / PART).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert trial.probe() == Probed.CANNOT_TELL
    assert trial.probe() == Probed.FINISHED_BADLY
    with pytest.raises(ActionFailed, match="unfinished"):
        trial.run_steps()
    (dumps.folder / PART).unlink()
    trial.run_steps()
    os.link(dumps.folder / FILE, dumps.folder / PART)  # killed between its name and the end
    assert trial.probe() == Probed.FINISHED_WELL


def test_a_dump_that_was_changed_is_found_bad(dumps: Dumps) -> None:
    trial = dumps.plan(SLUG, NAME)
    trial.run_steps()
    dumps.tool("truncate", "-s", "-100", FILE)
    verified = trial.action.verify(trial.acting)
    assert not verified.is_good
    assert "checksum differs" in verified.text
    assert trial.probe() == Probed.FINISHED_BADLY
    (dumps.folder / f"{FILE}.sha256").write_text(dumps.tool("sha256sum", FILE))
    verified = trial.action.verify(trial.acting)
    assert not verified.is_good
    assert "the file ends in the middle of its data" in verified.text
    (dumps.folder / f"{FILE}.sha256").unlink()
    assert not trial.action.verify(trial.acting).is_good
    assert trial.probe() == Probed.FINISHED_BADLY


@contextmanager
def waiting(dumps: Dumps, trial: Trial, *, check: Callable[[], None] = lambda: None) -> Iterator[list[BaseException]]:
    """Let the step run while pg_dump waits for a lock, and to its end afterwards; give how it failed."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            trial.run_steps(check=check)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    with dumps.held_up():
        thread.start()
        dumps.wait_for_dump()
        yield raised
    thread.join(60)


def test_a_dump_that_takes_too_long_is_ended_and_leaves_nothing(dumps: Dumps) -> None:
    trial = dumps.plan(SLUG, NAME)
    short = replace(trial.acting, parameters=replace(trial.acting.parameters, minutes=0.03))
    with dumps.held_up():
        with pytest.raises(ActionFailed, match="gave no end within"):
            Trial(trial.action, short).run_steps()
        dumps.wait_for_dump(until=False)
    assert dumps.unfinished() == []
    assert dumps.processes() == []
    assert trial.probe() == Probed.NOT_STARTED


def test_a_dump_whose_lease_is_lost_is_ended_and_leaves_nothing(dumps: Dumps) -> None:
    trial, lost = dumps.plan(SLUG, NAME), threading.Event()

    def check() -> None:
        if lost.is_set():
            raise LeaseLost("somebody else has it")

    with waiting(dumps, trial, check=check) as raised:
        assert dumps.unfinished() == [PART]
        assert trial.probe() == Probed.CANNOT_TELL
        lost.set()
        dumps.wait_for_dump(until=False)
    assert [type(one) for one in raised] == [LeaseLost]
    assert dumps.unfinished() == []
    assert trial.probe() == Probed.NOT_STARTED


def test_the_password_stands_nowhere(dumps: Dumps, tmp_path: Path) -> None:
    secret = dumps.stack.layout.secret("database_password")
    before = set(found_in(secret, dumps.stack.root, folder=tmp_path))
    trial = dumps.plan(SLUG, NAME)
    assert trial.acting.facts["login"] == ROLE
    with waiting(dumps, trial):
        (number,) = dumps.processes()
        seen = dict(processes())
        assert b"passfile=/proc/self/fd/" in seen[f"/proc/{number}/cmdline"]
        assert b"LC_ALL=C" in seen[f"/proc/{number}/environ"]
        assert set(found_in(secret, dumps.stack.root, folder=tmp_path)) - before == set()
    assert trial.probe() == Probed.FINISHED_WELL
    assert not [form for form in forms_of(secret) if form in f"{trial.said} {trial.acting.facts}".encode()]


def test_the_monitor_dumps_where_it_may_read_everything(dumps: Dumps) -> None:
    with dumps.stack.superuser() as connection:
        connection.execute(f"GRANT pg_read_all_data TO {MONITOR}")
        try:
            trial = dumps.plan(SLUG, NAME)
            assert trial.acting.facts["login"] == MONITOR
            assert trial.run().is_good
            connection.execute("CREATE TABLE rows_apart (id int); ALTER TABLE rows_apart ENABLE ROW LEVEL SECURITY")
            with pytest.raises(ActionNotApplicable, match=r"may not read public\.rows_apart"):
                dumps.plan(SLUG, "another")
        finally:
            connection.execute(f"DROP TABLE IF EXISTS rows_apart; REVOKE pg_read_all_data FROM {MONITOR}")


def test_what_no_login_may_read_is_said(dumps: Dumps) -> None:
    with dumps.stack.superuser() as connection:
        connection.execute('CREATE SCHEMA apart; CREATE TABLE apart."Of others" (id serial)')
        try:
            with pytest.raises(ActionNotApplicable, match=f"read everything: GRANT pg_read_all_data TO {MONITOR}"):
                dumps.plan(SLUG, NAME)
        finally:
            connection.execute("DROP SCHEMA apart CASCADE")


def test_what_pg_dump_is_refused_leaves_nothing(dumps: Dumps) -> None:
    trial = dumps.plan(SLUG, NAME)
    with dumps.stack.superuser() as connection:
        connection.execute("CREATE TABLE of_others (id int)")
        try:
            with pytest.raises(ActionFailed, match=r"pg_dump left nothing behind: .*permission denied"):
                trial.run_steps()
        finally:
            connection.execute("DROP TABLE of_others")
    assert [path.name for path in dumps.folder.iterdir() if NAME in path.name] == []
    dumps.site.resolver = SecretResolver(Path("/nowhere"))
    with pytest.raises(ActionFailed, match="pg_dump left nothing behind: file:secrets/database_password"):
        trial.run_steps()


def with_programs(dumps: Dumps, programs: Path | None, **backups: str) -> None:
    described = replace(dumps.site.stack.databases["application"], programs=programs)
    if backups:
        described = replace(described, backups=Backups(directory=dumps.folder, **backups))  # type: ignore[arg-type]
    dumps.site.stack = replace(dumps.site.stack, databases={"application": described})
    dumps.site._surroundings = None


def fake(folder: Path, name: str, version: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho '{version}'\n")
    (folder / name).chmod(0o700)


def test_programs_that_are_not_there_or_too_old_are_refused(
    dumps: Dumps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_programs(dumps, tmp_path)
    with pytest.raises(ActionNotApplicable, match=f"there is no pg_dump in {tmp_path}, as programs"):
        dumps.plan(SLUG, NAME)
    fake(tmp_path, "pg_dump", "pg_dump (PostgreSQL) 9.6.24")
    with pytest.raises(ActionNotApplicable, match="there is no pg_restore"):
        dumps.plan(SLUG, NAME)
    fake(tmp_path, "pg_restore", "pg_restore (PostgreSQL) 9.6.24")
    with pytest.raises(ActionNotApplicable, match="is of PostgreSQL 9 and does not dump a server of"):
        dumps.plan(SLUG, NAME)
    fake(tmp_path, "pg_dump", "what?")
    with pytest.raises(ActionNotApplicable, match="does not say which version"):
        dumps.plan(SLUG, NAME)
    with_programs(dumps, None)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(ActionNotApplicable, match="there is no pg_dump on the PATH, and no programs"):
        dumps.plan(SLUG, NAME)
    monkeypatch.setenv("PATH", str(dumps.programs))
    trial = dumps.plan(SLUG, NAME)
    assert trial.acting.facts["program"].startswith(str(dumps.programs / "pg_dump"))
    assert trial.run().is_good


def test_another_program_than_the_approved_one_is_not_run(dumps: Dumps, tmp_path: Path) -> None:
    trial = dumps.plan(SLUG, NAME)
    fake(tmp_path, "pg_dump", "pg_dump (PostgreSQL) 99.1")
    with_programs(dumps, tmp_path)
    with pytest.raises(ActionFailed, match="which was approved"):
        trial.run_steps()
    assert dumps.unfinished() == []


def test_without_room_or_the_right_to_write_nothing_begins(dumps: Dumps, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = dumps.plan(SLUG, NAME)
    assert list(trial.action.prechecks(trial.acting)) == []
    monkeypatch.setattr(dumping_here.OnThisMachine, "free_bytes", lambda self, folder: 4096)
    (refusal,) = trial.action.prechecks(trial.acting)
    assert refusal.startswith(f"{dumps.folder} has 4096 bytes left, and the database takes ")
    monkeypatch.undo()
    monkeypatch.setattr(os, "access", lambda *_: False)
    (refusal,) = trial.action.prechecks(trial.acting)
    assert refusal == f"this worker (uid {os.geteuid()}) cannot write in {dumps.folder}"


def test_a_disk_that_is_full_meanwhile_leaves_nothing(dumps: Dumps) -> None:
    trial = dumps.plan(SLUG, NAME)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        with pytest.raises(ActionFailed, match="pg_dump left nothing behind"):
            trial.run_steps()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in dumps.folder.iterdir() if NAME in path.name] == []
    assert trial.run().is_good


@pytest.mark.recovery_fault("worker killed", counted="files of a real dump, and the session that wrote it")
def test_a_worker_killed_in_a_dump_leaves_what_a_look_finds(
    dumps: Dumps, stack: Stack, operator: User, signed_trail: None, rings: object
) -> None:
    request = ask(stack, operator)
    execution = Execution.objects.get(pk=request.execution.pk)
    with dumps.held_up():
        worker = start(execution, lease_seconds=3.0)
        wait_for_step(execution)
        dumps.wait_for_dump()
        os.kill(worker.pid, signal.SIGSTOP)
        sweep_until(execution, "outcome_unknown")
        operations.reconcile(execution_id=execution.pk)
        assert end_of(execution)[0] == "outcome_unknown"  # somebody still writes it
        kill(worker)
        dumps.wait_for_dump(until=False)  # it ended with the worker
        assert dumps.processes() == []
    assert dumps.unfinished() == [PART]
    operations.reconcile(execution_id=execution.pk)
    assert end_of(execution) == ("failed", "partial", "done")
    assert execution.outcome == "found by looking at the target: finished badly"
    assert not (dumps.folder / FILE).exists()
    with pytest.raises(ActionNotApplicable, match=f"{PART} is there already"):
        ask(stack, operator)
    (dumps.folder / PART).unlink()
    assert dumps.plan(SLUG, NAME).run().is_good


def test_where_it_applies_is_said(dumps: Dumps) -> None:
    one, config = action(SLUG), dumps.site.stack
    parameters = DumpParameters(database="application", name=NAME)
    assert one.not_applicable(config, parameters) is None
    assert "no database other" in (one.not_applicable(config, replace(parameters, database="other")) or "")
    with_programs(dumps, None, pattern="[a].dump")
    assert "no star" in (one.not_applicable(dumps.site.stack, parameters) or "")
    with_programs(dumps, None, pattern="*")
    assert "tell backups from checksums" in (one.not_applicable(dumps.site.stack, parameters) or "")
    with_programs(dumps, None, pattern="../*.dump")
    with pytest.raises(ActionNotApplicable, match="another folder"):
        dumps.plan(SLUG, NAME)
    assert one.traces(config, parameters, {"file": "any"}) == []  # no engine shows anything of it
    assert "no containers" in (action("stack.reset").not_applicable(config, ResetParameters()) or "")
