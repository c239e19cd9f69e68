"""The environment of each program of the stack, and the names inside the application that outsiders need."""

from __future__ import annotations

import sys
from pathlib import Path

from awe_incidents.local.postgres import PostgresCluster
from awe_incidents.local.valkey import ValkeyServer
from deploy.awe.process.layout import APPLICATION, CHECKOUT, Layout
from deploy.awe.process.pooler import Pooler
from deploy.awe.process.settings import StackSettings

ROLE = "awe_app"
MONITOR = "awe_monitor"
DATABASE = "ai_workflow_engine"
WAITING_JOBS = "awe:jobs"
PROCESSING_JOBS = "awe:jobs:processing"
DEAD_JOBS = "awe:jobs:dead"


def of_api(layout: Layout, settings: StackSettings, *, shared: dict[str, str]) -> dict[str, str]:
    """Give the api's variables."""
    return {
        **shared,
        "API_HOST": settings.address,
        "API_PORT": str(settings.chosen_ports.api),
        "TLS_CERTIFICATE": str(layout.certificate("server")),
        "TLS_KEY": str(layout.key("server")),
        "TLS_CLIENT_CA": str(layout.certificate("ca")),
        "PID_FILE": str(layout.pid_file(settings.services.api)),
    }


def of_worker(layout: Layout, settings: StackSettings, *, shared: dict[str, str]) -> dict[str, str]:
    """Give the worker's variables; its tool `web_fetch` calls the api with the client certificate."""
    return {
        **shared,
        "PID_FILE": str(layout.pid_file(settings.services.worker)),
        "HEARTBEAT_FILE": str(layout.heartbeat(settings.services.worker)),
        "AGENT_NAME": settings.services.worker,
        "TOOL_BASE_URL": f"https://{settings.host}:{settings.chosen_ports.api}/tools",
        "TOOL_CA": str(layout.certificate("ca")),
        "TOOL_CLIENT_CERTIFICATE": str(layout.certificate("client")),
        "TOOL_CLIENT_KEY": str(layout.key("client")),
    }


def of_preparation(
    layout: Layout, cluster: PostgresCluster, direct_url: str, *, shared: dict[str, str]
) -> dict[str, str]:
    """Give the variables of the one-shot program that makes roles, database, schema, first rows and a backup."""
    return {
        **shared,
        "PYTHONPATH": f"{CHECKOUT}:{APPLICATION}",
        "DATABASE_URL": direct_url,  # a pooler starts later
        "MIGRATION_DATABASE_URL": cluster.superuser_url(DATABASE),
        "PROBE_PASSWORD": layout.secret("probe_password"),
        "BACKUPS": str(layout.backups),
        "PG_DUMP": str(cluster.binaries / "pg_dump"),
        "MONITOR_URL": cluster.url(role=MONITOR, password=layout.secret("monitor_password"), database=DATABASE),
    }


def pooler_of(layout: Layout, home: Path, *, port: int, binary: Path, to: PostgresCluster) -> Pooler:
    """Give the pooler in front of this cluster, which lets the application in, and the monitor to its console."""
    return Pooler.at(
        home,
        port=port,
        binary=binary,
        databases={DATABASE: f"host=127.0.0.1 port={to.port}"},
        users={ROLE: layout.secret("database_password"), MONITOR: layout.secret("monitor_password")},
        watcher=MONITOR,
    )


def shared_by_all(layout: Layout, database_url: str, valkey: ValkeyServer) -> dict[str, str]:
    """Give what every program of the application needs."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(APPLICATION),
        "PYTHONUNBUFFERED": "1",
        "DATABASE_URL": database_url,
        "REDIS_URL": valkey.url(),
        "JWT_SECRET_KEY": layout.secret("jwt_secret_key"),
        "SECURITY_LOG": str(layout.security_log),
    }
