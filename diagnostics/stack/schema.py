"""The JSON Schema (2020-12) of a stack.toml; also what editors and the documentation show."""

from __future__ import annotations

from typing import Any

from diagnostics.stack.secrets import REFERENCE_PATTERN

ENVIRONMENTS = ("Development", "Staging", "Production")
VANTAGES = ("process", "container")
ROLES = ("api", "worker", "proxy", "database", "pooler", "queue", "other")
ADAPTERS = ("redis-list", "celery")
SUITES = ("health", "ssl", "database", "auth", "full")  # of checks
BACKUP_FORMATS = ("pg_dump", "opaque")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

Schema = dict[str, Any]


def _table(properties: Schema, *, required: tuple[str, ...] = ()) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": list(required)}


def _tables(of: Schema) -> Schema:
    return {"type": "object", "propertyNames": {"pattern": r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"}, "additionalProperties": of}


def _choice(values: tuple[str, ...]) -> Schema:
    return {"type": "string", "enum": list(values)}


TEXT: Schema = {"type": "string", "minLength": 1, "maxLength": 4096}
TEXTS: Schema = {"type": "array", "items": TEXT, "maxItems": 100}
NAME: Schema = {"type": "string", "pattern": r"^[a-z0-9][a-z0-9-]{0,62}$"}
PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65535}
HTTP_PATH: Schema = {"type": "string", "pattern": r"^/[^\s]*$"}
LISTEN: Schema = {"type": "string", "pattern": r"^(\[[0-9a-fA-F:]+\]|[^:\s]+):[0-9]{1,5}$"}
VARIABLE: Schema = {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_]*$"}
DIGEST: Schema = {"type": "string", "pattern": r"^sha256:[0-9a-f]{64}$"}
SECRET: Schema = {"type": "string", "pattern": REFERENCE_PATTERN, "x-secret": True}

SERVICE = _table(
    {"role": _choice(ROLES), "pid_file": TEXT, "log_files": TEXTS, "depends_on": TEXTS}
    | {"listens": {"type": "array", "items": LISTEN}, "files": TEXTS, "supervised": {"type": "boolean"}}
    | {
        "required_environment": {"type": "array", "items": VARIABLE, "maxItems": 100},
        "default_values": {"type": "array", "items": DIGEST, "maxItems": 100},
    },
    required=("role",),
)
TLS = _table(
    dict.fromkeys(
        ("ca", "server_certificate", "server_key", "client_certificate", "client_key", "client_ca"),
        TEXT,
    ),
    required=("ca",),
)
ENDPOINT = _table(
    {"service": TEXT, "url": {"type": "string", "pattern": r"^https?://[^/\s@?#]+/?$"}, "health_path": HTTP_PATH}
    | {"names": TEXTS, "tls": TEXT},
    required=("service", "url"),
)
MONITOR = _table({"user": TEXT, "password": SECRET}, required=("user",))
MIGRATIONS = _table({"directories": TEXTS, "version_table": TEXT}, required=("directories",))
POOLER = _table(
    {"service": TEXT, "host": TEXT, "port": PORT, "dbname": TEXT, "sslmode": _choice(SSL_MODES)}
    | {"admin_user": TEXT, "admin_password": SECRET},
    required=("service", "host", "port"),
)
BACKUPS = _table(
    {
        "directory": TEXT,
        "pattern": TEXT,
        "every_hours": {"type": "number", "exclusiveMinimum": 0, "maximum": 100_000},
        "format": _choice(BACKUP_FORMATS),
    },
    required=("directory",),
)
DATABASE = _table(
    {"service": TEXT, "host": TEXT, "port": PORT, "dbname": TEXT, "user": TEXT, "password": SECRET}
    | {"sslmode": _choice(SSL_MODES), "monitor": MONITOR, "migrations": MIGRATIONS, "backups": BACKUPS}
    | {"pooler": POOLER, "programs": TEXT},
    required=("service", "host", "port", "dbname", "user"),
)
LOGIN = _table(
    {"endpoint": TEXT, "username": TEXT, "password": SECRET, "path": HTTP_PATH, "protected_path": HTTP_PATH}
    | {"token_field": TEXT},
    required=("endpoint", "username", "password"),
)
TOKEN_KEY = _table(
    {"service": TEXT, "environment_variable": VARIABLE, "environment_file": TEXT} | {"value": SECRET},
    required=("service",),
) | {
    "oneOf": [{"required": ["environment_variable"]}, {"required": ["value"]}],
    "dependentRequired": {"environment_file": ["environment_variable"]},
}
TOKENS = _table(
    {
        "algorithms": TEXTS,
        "issuer": TEXT,
        "require_kid": {"type": "boolean"},
        "leeway_seconds": {"type": "integer", "minimum": 0, "maximum": 3600},
        "keys": {"type": "array", "items": TOKEN_KEY},
    }
)
QUEUE = _table(
    {
        "service": TEXT,
        "adapter": _choice(ADAPTERS),
        "host": TEXT,
        "port": PORT,
        "database": {"type": "integer", "minimum": 0, "maximum": 1_000_000},
        "user": TEXT,
        "password": SECRET,
        "worker_service": TEXT,
        "pending": TEXTS,
        "processing": TEXT,
        "dead": TEXT,
        "heartbeat_file": TEXT,
        "timestamp_field": TEXT,
        "urls": {
            "type": "array",
            "items": _table(
                {"service": TEXT, "environment_variable": VARIABLE}, required=("service", "environment_variable")
            ),
            "maxItems": 20,
        },
        "expected_tasks": {"type": "array", "items": TEXT, "maxItems": 1000},
    },
    required=("service", "adapter", "host", "port"),
)
COLUMN: Schema = {"type": "string", "pattern": r"^[^.\u0000]{1,63}$"}
TABLE: Schema = {"type": "string", "pattern": r"^[^.\u0000]{1,63}(\.[^.\u0000]{1,63})?$"}
STATES: Schema = {"type": "array", "items": TEXT, "maxItems": 50}
HEARTBEATS = _table(
    {"table": TABLE, "name": COLUMN, "at": COLUMN, "interval": COLUMN}
    | {"interval_seconds": {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000}},
    required=("table",),
)
RUNS = _table(
    {"table": TABLE, "running": STATES, "succeeded": STATES, "failed": STATES}
    | dict.fromkeys(("id", "state", "at", "started_at", "tool"), COLUMN),
    required=("table",),
)
ACCOUNTS = _table(
    {"database": TEXT, "table": TABLE}
    | dict.fromkeys(("username", "password_hash", "failed_attempts", "locked_until", "must_change"), COLUMN),
    required=("database",),
)
AGENTS = _table({"database": TEXT, "heartbeats": HEARTBEATS, "runs": RUNS}, required=("database",))
RESOLVER: Schema = {"type": "string", "pattern": r"^(\[[0-9a-fA-F:.]+\]|[0-9.]+)(:[0-9]{1,5})?$"}
DNS = _table({"resolvers": {"type": "array", "items": RESOLVER, "maxItems": 10}, "expected": _tables(TEXTS)})
COOKIE = _table(
    {"name": TEXT, "secure": {"type": "boolean"}, "http_only": {"type": "boolean"}}
    | {"same_site": _choice(("strict", "lax", "none"))},
    required=("name",),
)
URL: Schema = {"type": "string", "pattern": r"^https?://[^/\s@?#]+(/[^\s?#]*)?$"}
TOOL = _table({"service": TEXT, "url": URL, "environment_variable": VARIABLE}, required=("service",))
HEADERS: Schema = {
    "type": "object",
    "propertyNames": {"pattern": r"^[A-Za-z0-9-]{1,100}$"},
    "additionalProperties": TEXT,
    "maxProperties": 20,
}
MODEL_PROVIDER = _table(
    {"service": TEXT, "url": URL, "models_path": HTTP_PATH, "key": SECRET, "headers": HEADERS, "tls": TEXT}
    | {"key_header": {"type": "string", "pattern": r"^[A-Za-z0-9-]{1,100}$"}},
    required=("service", "url"),
)
OAUTH = _table(
    {
        "issuer": URL,
        "discovery_url": URL,
        "tls": TEXT,
        "hosts": TEXTS,
        "client_id": TEXT,
        "session_seconds": {"type": "integer", "minimum": 1, "maximum": 1_000_000_000},
        "cookies": {"type": "array", "items": COOKIE, "maxItems": 20},
    }
)
SECURITY_LOG = _table({"files": TEXTS, "service": TEXT})
CONTACT = _table(
    {"name": TEXT, "contact": {"type": "string", "pattern": r"^(mailto|tel|https):[^\s]+$"}, "role": TEXT},
    required=("name", "contact"),
)
ENGINE = _table(
    {
        "url": {"type": "string", "pattern": r"^(unix|tcp|ssh|https?)://[^\s]+$"},
        "project": TEXT,
        "compose_files": TEXTS,
        "tls_ca": TEXT,
        "tls_certificate": TEXT,
        "tls_key": TEXT,
    },
    required=("url", "project"),
)
HOST = _table({"paths": TEXTS})
RETENTION = _table({"days": {"type": "integer", "minimum": 1, "maximum": 36_500}})
SCHEDULE = _table(
    {
        "every_minutes": {"type": "integer", "minimum": 1, "maximum": 10_080},  # a run may take a minute
        "suite": _choice(SUITES),
        "open_incidents": {"type": "boolean"},
        "keep_days": {"type": "integer", "minimum": 1, "maximum": 36_500},
    },
    required=("every_minutes",),
)
LOGS = _table(
    {
        "window_minutes": {"type": "integer", "minimum": 1, "maximum": 1440},
        "max_bytes_per_service": {"type": "integer", "minimum": 1000, "maximum": 100_000_000},
    }
)
# owner/name on github.com, or the whole address of a repository on GitHub Enterprise.
ISSUE_TRACKER = _table(
    {
        "github": {
            "type": "string",
            "maxLength": 300,
            "pattern": r"^(https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/)?[A-Za-z0-9_-]{1,100}/[A-Za-z0-9._-]{1,100}/?$",
        }
    },
    required=("github",),
)
STACK: Schema = _table(
    {
        "schema": {"const": 1},
        "name": NAME,
        "environment": _choice(ENVIRONMENTS),
        "vantage": _choice(VANTAGES),
        "description": {"type": "string", "maxLength": 4096},
        "root": TEXT,
        "emergency_contacts": {"type": "array", "items": CONTACT, "maxItems": 20},
        "engine": ENGINE,
        "host": HOST,
        "services": _tables(SERVICE),
        "endpoints": _tables(ENDPOINT),
        "tls": _tables(TLS),
        "databases": _tables(DATABASE),
        "login": LOGIN,
        "accounts": ACCOUNTS,
        "tokens": TOKENS,
        "oauth": OAUTH,
        "security_log": SECURITY_LOG,
        "queue": QUEUE,
        "agents": AGENTS,
        "tools": _tables(TOOL),
        "model_providers": _tables(MODEL_PROVIDER),
        "dns": DNS,
        "logs": LOGS,
        "retention": RETENTION,
        "schedule": SCHEDULE,
        "issue_tracker": ISSUE_TRACKER,
        "thresholds": _tables({"type": "object", "additionalProperties": {"type": "number", "minimum": 0}}),
    },
    required=("schema", "name", "environment", "vantage", "services"),
) | {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "stack.toml of AWE Incidents"}
