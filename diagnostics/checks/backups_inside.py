"""Backups that lie in a container: listed by `ls` in it, and the newest read as a copy by way of the engine."""

from __future__ import annotations

import fnmatch
import io
import re
import stat
import tarfile
import tempfile
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from diagnostics.checks.seeing import Seeing
from diagnostics.checks.surroundings import InsideContainer
from diagnostics.probes.backups import Backup, read_backup
from diagnostics.probes.engine_failures import EngineFailure
from diagnostics.probes.errors import FileUnusable
from diagnostics.probes.pg_archive import Dump
from diagnostics.stack import Database

MAX_COPY_BYTES = 64_000_000  # larger ones are judged by age and size alone
# -rw-r--r-- 1 0 0 14043 2026-11-29 16:30:00.000000000 +0000 latest.sql
_ENTRY = re.compile(
    r"(?P<kind>[-d])\S{9}\S?\s+\d+\s+\d+\s+\d+\s+(?P<size>\d+) "
    r"(?P<at>\S+ \d\d:\d\d:\d\d)\.\d+ (?P<zone>\S+) (?P<name>.+)"
)


def backups_inside(seeing: Seeing, database: Database) -> list[Backup]:
    """Give what matches the pattern in the folder of the database's container, the newest first.

    Raises: FileUnusable (code missing), ProcessUnknown, EngineFailure, NotPermitted.
    """
    plan = database.backups
    assert plan is not None
    inside = _container(seeing, database)
    code, output = inside.run(["ls", "-l", "-n", "--time-style=full-iso", str(plan.directory)])
    if code:
        said = output.decode(errors="replace").strip()
        raise FileUnusable("missing", f"{plan.directory} in {inside.text} cannot be listed: {said}")
    lines = output.decode(errors="replace").splitlines()
    found = [backup for line in lines if (backup := _backup(line, plan.directory))]
    matching = [one for one in found if fnmatch.fnmatch(one.path.name, plan.pattern)]
    return sorted(matching, key=lambda backup: -backup.modified_at)


def read_inside(seeing: Seeing, database: Database, backup: Backup, *, ends_at: float) -> Dump | None:
    """Read what a backup says of itself; None for one that is too large to be copied.

    Raises: DumpBroken, FileUnusable, NotPermitted, ProcessUnknown, EngineFailure.
    """
    if backup.is_folder or backup.size_bytes > MAX_COPY_BYTES:
        return None
    inside = _container(seeing, database)
    archive = inside.engine.archive(inside.container, str(backup.path), max_bytes=MAX_COPY_BYTES + 65_536)
    with tempfile.TemporaryDirectory(prefix="awe-backup-") as folder:
        copy = Path(folder) / "copy"
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            member = next((one for one in tar if one.isfile()), None)
            content = tar.extractfile(member) if member else None
            if content is None:
                raise FileUnusable("not_regular", f"{backup.path} in {inside.text} is no file")
            copy.write_bytes(content.read())
        return read_backup(replace(backup, path=copy), ends_at=ends_at)


def _container(seeing: Seeing, database: Database) -> InsideContainer:
    inside = seeing.surroundings.inside(database.service)
    if not isinstance(inside, InsideContainer):
        raise EngineFailure("engine.not_allowed", f"{database.service} is no container")
    return inside


def _backup(line: str, folder: Path) -> Backup | None:
    match = _ENTRY.fullmatch(line)
    if match is None:
        return None
    with suppress(ValueError):
        at = datetime.strptime(f"{match['at']} {match['zone']}", "%Y-%m-%d %H:%M:%S %z")
        mode = stat.S_IFDIR if match["kind"] == "d" else stat.S_IFREG
        path = folder / match["name"]
        return Backup(path, int(match["size"]), at.timestamp(), hash(path.name), mode)
    return None
