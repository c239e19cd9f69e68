"""The file system of the database (160 MB) is full."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.stack import wait_for
from tests.faults.doing import apply_service, edit_service, health, restart, restore_service, sql, submit
from tests.faults.fault import Fault

INSERT = "INSERT INTO job_archive SELECT g, repeat('x', 1000) FROM generate_series(1, {rows}) g"


def fill(stack: ComposeStack, folder: Path) -> None:
    sql(stack, "CREATE TABLE job_archive (id int, payload text)")
    sql(stack, "ALTER TABLE job_archive ALTER payload SET STORAGE EXTERNAL")
    for rows in (3000, 60):
        for _ in range(60):
            if "ERROR" in sql(stack, INSERT.format(rows=rows), check=False):
                break
    subprocess.run(
        ["dd", "if=/dev/zero", f"of={folder / 'server_core.dump'}", "bs=64k"], capture_output=True, check=False
    )


def inject(stack: ComposeStack) -> None:
    names = stack.settings.names
    folder = stack.notes / "small"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "awe_small", str(folder)], check=True)
    edit_service(
        stack,
        names.database,
        volumes=[f"{folder}:/var/lib/postgresql/data", "backups:/backup"],
        environment={"INITDB_ARGS": "--wal-segsize=4"},
    )
    apply_service(stack, names.database)
    assert wait_for(lambda: health(stack, names.database) == "healthy", seconds=60)
    restart(stack, names.api)
    assert wait_for(lambda: health(stack, names.api) == "healthy", seconds=60)
    fill(stack, folder)
    submit(stack)


def is_broken(stack: ComposeStack) -> bool:
    usage = shutil.disk_usage(stack.notes / "small")
    return usage.free < usage.total / 100 and "INSERT 0" not in sql(stack, INSERT.format(rows=3000), check=False)


def heal(stack: ComposeStack) -> None:
    names = stack.settings.names
    stack.compose("stop", names.database)
    restore_service(stack, names.database)
    assert wait_for(lambda: health(stack, names.database) == "healthy", seconds=60)
    subprocess.run(["umount", str(stack.notes / "small")], check=True)
    for service in (names.api, names.worker):
        restart(stack, service)


FAULT = Fault(
    slug="db-disk-full",
    category="database",
    title="the file system of the database (160 MB) is full",
    causes=("disk_full",),
    inject=inject,
    is_broken=is_broken,
    heal=heal,
    leaves="database",
    about="database",
)
