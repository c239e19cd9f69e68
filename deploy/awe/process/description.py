"""The stack.toml of a stack of processes, as `diagnostics.stack.read_stack` reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from deploy.awe.agents import AGENTS
from deploy.awe.process.client import PROBE
from deploy.awe.process.environments import DATABASE, DEAD_JOBS, MONITOR, PROCESSING_JOBS, ROLE, WAITING_JOBS
from deploy.awe.process.layout import APPLICATION, Layout
from deploy.awe.process.settings import StackSettings

TEMPLATE = (
    """\
# A reference stack of processes, written when it was laid out; deploy/stack.example.toml explains every key.
schema = 1
name = {name}
environment = {environment}
vantage = "process"
description = "The AI Workflow Engine as processes of one machine."

[[emergency_contacts]]
name = "AWE on call"
contact = "mailto:awe-oncall@example.org"
role = "first responder"

[host]
paths = ["logs", "run", {database_home}, {redis_home}]

[services.{api}]
role = "api"
pid_file = {api_pid_file}
log_files = [{api_log}, {security_log}]
files = [{api_environment}]
supervised = true
required_environment = ["DATABASE_URL", "REDIS_URL", "JWT_SECRET_KEY", "TLS_CERTIFICATE", "TLS_KEY", "TLS_CLIENT_CA"]
listens = [{api_listens}]
depends_on = [{nearest_name}, {redis_name}]

[services.{worker}]
role = "worker"
pid_file = {worker_pid_file}
log_files = [{worker_log}]
files = [{worker_environment}]
supervised = true
required_environment = ["DATABASE_URL", "REDIS_URL", "JWT_SECRET_KEY", "TOOL_BASE_URL"]
depends_on = [{nearest_name}, {redis_name}]

[services.{database}]
role = "database"
pid_file = {database_pid_file}
log_files = [{database_log}]
listens = [{database_listens}]
{pooler_service}
[services.{redis}]
role = "queue"
pid_file = {redis_pid_file}
log_files = [{redis_log}]
listens = [{redis_listens}]

[endpoints.public]
service = {api_name}
url = {url}
health_path = "/health"
names = [{names}]
tls = "public"

[tls.public]
ca = "certs/ca/ca.crt"
server_certificate = "certs/server/server.crt"
server_key = "certs/server/server.key"
client_certificate = "certs/client/client.crt"
client_key = "certs/client/client.key"

[databases.application]
service = {database_name}
host = "127.0.0.1"
port = {database_port}
dbname = {dbname}
user = {role}
password = "file:secrets/database_password"
sslmode = "disable"
programs = {programs}

[databases.application.monitor]
user = {monitor}
password = "file:secrets/monitor_password"
{pooler_of_database}
[databases.application.migrations]
directories = [{migrations}]

[databases.application.backups]
directory = "backups"
pattern = "*.dump"
every_hours = 720  # made at every start of the stack, and only then

[login]
endpoint = "public"
username = {probe}
password = "file:secrets/probe_password"
path = "/auth/login"
protected_path = "/auth/me"

[accounts]
database = "application"
failed_attempts = "failed_attempts"
locked_until = "locked_until"

[tokens]
algorithms = ["HS256"]
issuer = "awe-api"
keys = [
    {{ service = {api_name}, environment_variable = "JWT_SECRET_KEY", environment_file = {api_environment} }},
    {{ service = {worker_name}, environment_variable = "JWT_SECRET_KEY", environment_file = {worker_environment} }},
]

[security_log]
files = [{security_log}]
service = {api_name}

[queue]
service = {redis_name}
adapter = "redis-list"
host = "127.0.0.1"
port = {redis_port}
password = "file:secrets/redis_password"
worker_service = {worker_name}
pending = [{waiting_jobs}]
processing = {processing_jobs}
dead = {dead_jobs}
heartbeat_file = {heartbeat}
timestamp_field = "queued_at"
urls = [
    {{ service = {api_name}, environment_variable = "REDIS_URL" }},
    {{ service = {worker_name}, environment_variable = "REDIS_URL" }},
]
"""
    + AGENTS
    + """
[thresholds."database.blockers"]
lock_wait_seconds = 1  # its statements take milliseconds
lock_wait_fail_seconds = 2

[thresholds."database.statements"]
sample_gap_seconds = 3  # its statements are few

[thresholds."agents.workers_and_queues"]
stall_seconds = 3  # its jobs take milliseconds

[thresholds."performance.host"]
cpu_pressure_percent = 100  # it shares its machine with whatever builds and tests there
io_pressure_percent = 100
"""
)

POOLER_SERVICE = """
[services.{name}]
role = "pooler"
pid_file = {pid_file}
log_files = [{log}]
listens = [{listens}]
depends_on = [{database}]
"""
POOLER_OF_DATABASE = """
[databases.application.pooler]
service = {name}
host = "127.0.0.1"
port = {port}
sslmode = "disable"
admin_user = {monitor}
admin_password = "file:secrets/monitor_password"
"""


def render(layout: Layout, settings: StackSettings, *, pid_files: Mapping[str, Path], programs: Path) -> str:
    """Write the description; `pid_files` are those of `database`, `redis` and, where there is one, `pooler`.

    `programs` is the folder of the database's programs.
    """
    services, ports = settings.services, settings.chosen_ports
    paths = {
        "api_pid_file": layout.pid_file(services.api),
        "worker_pid_file": layout.pid_file(services.worker),
        "database_pid_file": pid_files["database"],
        "redis_pid_file": pid_files["redis"],
        "api_log": layout.log(services.api),
        "worker_log": layout.log(services.worker),
        "database_log": layout.log(services.database),
        "redis_log": layout.log(services.redis),
        "security_log": layout.security_log,
        "api_environment": layout.environment(services.api),
        "worker_environment": layout.environment(services.worker),
        "programs": programs,
        "database_home": pid_files["database"].parent,
        "redis_home": pid_files["redis"].parent,
        "heartbeat": layout.heartbeat(services.worker),
    }
    texts = {
        "name": settings.name,
        "environment": settings.environment,
        "api_name": services.api,
        "worker_name": services.worker,
        "database_name": services.database,
        "nearest_name": services.pooler if ports.pooler else services.database,
        "redis_name": services.redis,
        "url": f"https://{settings.host}:{ports.api}",
        "api_listens": f"{settings.address}:{ports.api}",
        "database_listens": f"127.0.0.1:{ports.database}",
        "redis_listens": f"127.0.0.1:{ports.redis}",
        "dbname": DATABASE,
        "role": ROLE,
        "monitor": MONITOR,
        "probe": PROBE,
        "waiting_jobs": WAITING_JOBS,
        "processing_jobs": PROCESSING_JOBS,
        "dead_jobs": DEAD_JOBS,
        "migrations": str(APPLICATION / "migrations" / "versions"),
        **{key: _from_root(path, layout.root) for key, path in paths.items()},
    }
    names = dict.fromkeys([settings.host, settings.address])
    return TEMPLATE.format(
        **{key: _quoted(text) for key, text in texts.items()},
        api=services.api,
        worker=services.worker,
        database=services.database,
        redis=services.redis,
        pooler_service=_pooler_service(layout, settings, pid_files),
        pooler_of_database=_pooler_of_database(settings),
        names=", ".join(_quoted(name) for name in names),
        database_port=ports.database,
        redis_port=ports.redis,
    )


def _pooler_service(layout: Layout, settings: StackSettings, pid_files: Mapping[str, Path]) -> str:
    services, port = settings.services, settings.chosen_ports.pooler
    if port is None:
        return ""
    return POOLER_SERVICE.format(
        name=services.pooler,
        pid_file=_quoted(_from_root(pid_files["pooler"], layout.root)),
        log=_quoted(_from_root(layout.log(services.pooler), layout.root)),
        listens=_quoted(f"127.0.0.1:{port}"),
        database=_quoted(services.database),
    )


def _pooler_of_database(settings: StackSettings) -> str:
    port = settings.chosen_ports.pooler
    if port is None:
        return ""
    name, monitor = _quoted(settings.services.pooler), _quoted(MONITOR)
    return POOLER_OF_DATABASE.format(name=name, port=port, monitor=monitor)


def _from_root(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _quoted(text: str) -> str:
    """Give a TOML basic string; JSON's form is one."""
    return json.dumps(text, ensure_ascii=False)
