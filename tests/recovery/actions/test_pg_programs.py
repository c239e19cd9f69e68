"""PostgreSQL's programs are let in by any password, see nothing of ours, and are ended in any case."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from psycopg import sql

from awe_incidents.recovery.actions import pg_programs
from awe_incidents.recovery.actions.base import ActionFailed
from awe_incidents.recovery.actions.pg_programs import PgProgram, login, pg_program
from deploy.awe.process import ProcessStack
from diagnostics.stack import Database, read_stack

ROLE = "dumper"
PASSWORD = r"a:b\c d'e" + '"\\:\\\\*ü#'


@pytest.fixture
def described(awe_stack: ProcessStack) -> Iterator[Database]:
    """The stack's database, with a role whose password has what a password file gives a meaning to."""
    with awe_stack.superuser() as connection:
        statement = "CREATE ROLE {} LOGIN PASSWORD {} IN ROLE pg_read_all_data"
        connection.execute(sql.SQL(statement).format(sql.Identifier(ROLE), sql.Literal(PASSWORD)))
        yield replace(read_stack(awe_stack.root / "stack.toml").databases["application"], user=ROLE)
        connection.execute(f"DROP ROLE {ROLE}")


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_a_password_is_handed_over_as_it_is(
    described: Database, tmp_path: Path, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "of somebody else")
    monkeypatch.setenv("PGOPTIONS", "--no-such-option")
    with login(described, password) as (address, handed):
        program, file = pg_program(described, "pg_dump"), f"--file={tmp_path / 'dump'}"
        ended = program.run("--no-password", file, f"--dbname={address}", handed=handed, seconds=60, check=lambda: None)
    assert password not in address
    if password == PASSWORD:
        assert ended.code == 0, ended.output
        assert "TABLE public.users" in (tmp_path / "dump").read_text()
    else:
        assert ended.code != 0
        assert "password authentication failed" in ended.complaint


def test_a_password_that_no_password_file_can_hold_is_refused(described: Database) -> None:
    with pytest.raises(ActionFailed, match="line break"), login(described, "one\ntwo"):
        pass


def test_without_a_password_none_is_handed_over(described: Database) -> None:
    with login(described, None) as (address, handed):
        assert handed == ()
        assert "passfile" not in address


def test_a_program_that_does_not_listen_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pg_programs, "GRACE_SECONDS", 0.5)
    script, pid = tmp_path / "deaf", tmp_path / "pid"
    script.write_text(f"#!/bin/sh\ntrap '' TERM\nsleep 600 & echo $! >{pid}\nenv >{tmp_path / 'env'}\nwait\n")
    script.chmod(0o700)
    started = time.monotonic()

    def check() -> None:
        if (tmp_path / "env").exists():
            raise KeyError

    with pytest.raises(KeyError):
        PgProgram(str(script), "1", 1).run(seconds=60, check=check)
    assert time.monotonic() - started < 30
    with suppress(psutil.NoSuchProcess):
        while (left := psutil.Process(int(pid.read_text()))).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() - started < 30, left
            time.sleep(0.05)
    told = {line.partition("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert told <= {"HOME", "PATH", "LC_ALL", "PWD", "OLDPWD", "SHLVL", "_"}
    assert len(os.environ) > len(told)
