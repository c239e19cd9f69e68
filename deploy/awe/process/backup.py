"""Back the database up as an operator would: a custom dump by pg_dump, the newest few of its own kept."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from deploy.awe.process.errors import ProcessStackError

PATTERN = "*.dump"
STAMP = f"{'?' * 8}T{'?' * 6}Z"  # dumps of others in the same folder have other names
KEPT = 5
DUMP_SECONDS = 60.0


def make_backup(folder: Path, *, pg_dump: Path, url: str, at: datetime | None = None) -> Path:
    """Dump the database of this address beside its final name, and drop the oldest dumps.

    Raises: ProcessStackError.
    """
    address = conninfo_to_dict(url)
    name = f"{address['dbname']}-{(at or datetime.now(UTC)):%Y%m%dT%H%M%SZ}.dump"
    unfinished = folder / f"{name}.new"
    variables = {f"PG{key.upper()}": str(address[key]) for key in ("host", "port", "user", "password")}
    variables["PGDATABASE"] = str(address["dbname"])
    done = subprocess.run(
        [str(pg_dump), "--format=custom", f"--file={unfinished}"],
        env={"PATH": os.environ.get("PATH", ""), **variables},  # so that no password stands in an argument list
        capture_output=True,
        text=True,
        timeout=DUMP_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise ProcessStackError(f"pg_dump ended with {done.returncode}: {done.stderr.strip()}")
    for old in sorted(folder.glob(f"{address['dbname']}-{STAMP}.dump"))[: 1 - KEPT]:
        old.unlink()
    return unfinished.rename(folder / name)
