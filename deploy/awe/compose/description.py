"""The stack.toml of a deployment in containers, as `diagnostics.stack.read_stack` reads it."""

from __future__ import annotations

import json

from deploy.awe.agents import AGENTS
from deploy.awe.compose.settings import MUTUAL_TLS, ComposeSettings
from deploy.awe.process.client import PROBE
from deploy.awe.process.environments import DATABASE, DEAD_JOBS, PROCESSING_JOBS, ROLE, WAITING_JOBS
from deploy.awe.process.layout import APPLICATION

TEMPLATE = (
    """\
# A reference stack in containers, written when it was laid out; deploy/stack.example.toml explains every key.
schema = 1
name = {project}
environment = {environment}
vantage = "container"
description = "The AI Workflow Engine under Docker Compose."

[[emergency_contacts]]
name = "AWE on call"
contact = "mailto:awe-oncall@example.org"
role = "first responder"

[engine]
url = {engine}
project = {project}
compose_files = [{compose_file}]

[services.{database}]
role = "database"

[services.{pgbouncer}]
role = "pooler"
depends_on = [{database_name}]

[services.{redis}]
role = "queue"

[services.{api}]
role = "api"
depends_on = [{pgbouncer_name}, {redis_name}]
required_environment = ["DATABASE_URL", "REDIS_URL", "JWT_SECRET_KEY"]

[services.{worker}]
role = "worker"
depends_on = [{pgbouncer_name}, {redis_name}]
required_environment = ["DATABASE_URL", "REDIS_URL", "JWT_SECRET_KEY", "TOOL_BASE_URL"]

[services.{caddy}]
role = "proxy"
listens = ["0.0.0.0:{port}"]
depends_on = [{api_name}]

[endpoints.public]
service = {caddy_name}
url = "https://localhost:{port}"
health_path = "/health"
names = ["localhost", "127.0.0.1"]
tls = "public"

[tls.public]
ca = "certs/ca/ca.crt"
server_certificate = "certs/server/server.crt"
server_key = "certs/server/server.key"
{client_files}
[databases.application]
service = {database_name}
host = {database_name}
port = 5432
dbname = {dbname}
user = {role}
password = "file:secrets/app_db_password"
sslmode = "disable"

[databases.application.monitor]
user = "postgres"
password = "file:secrets/postgres_password"

[databases.application.pooler]
service = {pgbouncer_name}
host = {pgbouncer_name}
port = 6432
admin_user = "postgres"
admin_password = "file:secrets/postgres_password"

[databases.application.migrations]
directories = [{migrations}]

[databases.application.backups]
directory = "/backup"
pattern = "*.sql"
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
    {{ service = {api_name}, environment_variable = "JWT_SECRET_KEY", environment_file = ".env" }},
    {{ service = {worker_name}, environment_variable = "JWT_SECRET_KEY", environment_file = ".env" }},
]

[security_log]
files = ["/var/log/security_audit.log"]
service = {api_name}

[queue]
service = {redis_name}
adapter = "redis-list"
host = {redis_name}
port = 6379
worker_service = {worker_name}
pending = [{waiting_jobs}]
processing = {processing_jobs}
dead = {dead_jobs}
timestamp_field = "queued_at"
"""
    + AGENTS
    + """
[thresholds."agents.workers_and_queues"]
stall_seconds = 3  # its jobs take milliseconds

[thresholds."performance.host"]
cpu_pressure_percent = 100  # it shares its machine with whatever builds and tests there
io_pressure_percent = 100
"""
)
CLIENT_FILES = """\
client_certificate = "certs/client/client.crt"
client_key = "certs/client/client.key"
"""


def render(settings: ComposeSettings, *, host: str) -> str:
    """Write the description; `host` is the engine's address."""
    names = settings.names
    plain = {name: getattr(names, name) for name in ("database", "pgbouncer", "redis", "api", "worker", "caddy")}
    quoted = {f"{name}_name": _quoted(value) for name, value in plain.items()}
    return TEMPLATE.format(
        **plain,
        **quoted,
        project=_quoted(settings.project),
        environment=_quoted(settings.environment),
        engine=_quoted(host),
        compose_file=_quoted(settings.compose_file),
        port=settings.port,
        client_files=CLIENT_FILES if settings.compose_file == MUTUAL_TLS else "",
        dbname=_quoted(DATABASE),
        migrations=_quoted(str(APPLICATION / "migrations" / "versions")),
        role=_quoted(ROLE),
        probe=_quoted(PROBE),
        waiting_jobs=_quoted(WAITING_JOBS),
        processing_jobs=_quoted(PROCESSING_JOBS),
        dead_jobs=_quoted(DEAD_JOBS),
    )


def _quoted(text: str) -> str:
    """Give a TOML basic string; JSON's form is one."""
    return json.dumps(text, ensure_ascii=False)
