"""The programs of the stack, as the supervisor runs them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from awe_incidents.local.postgres import PostgresCluster
from awe_incidents.local.program import Program, Restart
from awe_incidents.local.valkey import ValkeyServer
from deploy.awe.process import launch
from deploy.awe.process.layout import APPLICATION, Layout
from deploy.awe.process.settings import PREPARE, ServiceNames

PREPARE_SECONDS = 60.0


def programs(
    layout: Layout, services: ServiceNames, *, cluster: PostgresCluster, valkey: ValkeyServer
) -> list[Program]:
    """List them in the order of their start; database and redis start side by side."""
    database = cluster.program(services.database)
    redis = valkey.program(services.redis)
    prepare = Program(
        name=PREPARE,
        argv=_argv(layout, PREPARE, "deploy.awe.process.prepare_database"),
        cwd=layout.root,
        after=(services.database,),
        one_shot=True,
        ready_seconds=PREPARE_SECONDS,
    )
    api = _application(layout, services.api, module="api.serve")
    worker = _application(layout, services.worker, module="worker.main")
    return [database, replace(redis, after=()), prepare, api, worker]


def _application(layout: Layout, service: str, *, module: str) -> Program:
    """A program of the application; one that cannot start leaves the others alone, as in a real deployment."""
    pid_file = layout.pid_file(service)
    return Program(
        name=service,
        argv=_argv(layout, service, module),
        cwd=APPLICATION,
        after=(PREPARE,),
        prepare=_remover(pid_file),
        is_ready=pid_file.exists,  # written by the program once it listens or works
        restart=Restart(limit=3),
        essential=False,
    )


def _argv(layout: Layout, program: str, module: str) -> tuple[str, ...]:
    return (sys.executable, launch.__file__, str(layout.environment(program)), sys.executable, "-m", module)


def _remover(path: Path) -> Callable[[], None]:
    def remove() -> None:
        path.unlink(missing_ok=True)

    return remove
