"""The programs of the stack, as the supervisor runs them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from awe_incidents.local.postgres import PostgresCluster
from awe_incidents.local.program import Program, Restart
from awe_incidents.local.valkey import ValkeyServer
from deploy.awe.process import launch
from deploy.awe.process.layout import APPLICATION, Layout
from deploy.awe.process.pooler import Pooler
from deploy.awe.process.settings import PREPARE, ServiceNames

PREPARE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """What the application stands on."""

    cluster: PostgresCluster
    valkey: ValkeyServer
    pooler: Pooler | None


def programs(layout: Layout, services: ServiceNames, servers: Servers) -> list[Program]:
    """List them in the order of their start; database and redis start side by side."""
    database = servers.cluster.program(services.database)
    redis = servers.valkey.program(services.redis)
    poolers = [servers.pooler.program(services.pooler)] if servers.pooler else []
    after = (PREPARE, *(one.name for one in poolers))
    prepare = Program(
        name=PREPARE,
        argv=_argv(layout, PREPARE, "deploy.awe.process.prepare_database"),
        cwd=layout.root,
        after=(services.database,),
        one_shot=True,
        ready_seconds=PREPARE_SECONDS,
    )
    poolers = [replace(one, after=(services.database,), essential=False) for one in poolers]
    api = _application(layout, services.api, module="api.serve", after=after)
    worker = _application(layout, services.worker, module="worker.main", after=after)
    return [database, replace(redis, after=()), *poolers, prepare, api, worker]


def _application(layout: Layout, service: str, *, module: str, after: tuple[str, ...]) -> Program:
    """A program of the application; one that cannot start leaves the others alone, as in a real deployment."""
    pid_file = layout.pid_file(service)
    return Program(
        name=service,
        argv=_argv(layout, service, module),
        cwd=APPLICATION,
        after=after,
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
