"""Read a stack.toml: parse, validate against the schema and against itself, give the typed form."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from diagnostics.stack import agents, authentication, config, schema
from diagnostics.stack.errors import Problem, StackInvalid
from diagnostics.stack.files import NotRegularFile, read_regular
from diagnostics.stack.positions import line_of
from diagnostics.stack.secrets import SecretReference

MAX_FILE_BYTES = 1_000_000
_VALIDATOR = Draft202012Validator(schema.STACK)

Document = Mapping[str, Any]
T = TypeVar("T")


def read_stack(path: Path) -> config.StackConfig:
    """Read a stack.toml; relative paths in it start at `root`, or at its own folder.

    Raises: StackInvalid, with a line per problem.
    """
    try:
        data = read_regular(path, max_bytes=MAX_FILE_BYTES)
    except OSError as error:
        raise StackInvalid([Problem("file", None, f"cannot read {path}: {error.strerror}")]) from None
    except NotRegularFile as refusal:
        raise StackInvalid([Problem("file", None, str(refusal))]) from None
    if len(data) > MAX_FILE_BYTES:
        raise StackInvalid([Problem("file", None, f"{path} is larger than {MAX_FILE_BYTES} bytes")])
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise StackInvalid([Problem("file", None, f"{path} is not UTF-8 text (byte {error.start})")]) from None
    return parse_toml(text, folder=path.resolve().parent)


def parse_toml(text: str, *, folder: Path) -> config.StackConfig:
    """Parse TOML text; `folder` is where a relative `root` starts.

    Raises: StackInvalid.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StackInvalid([Problem("file", None, f"not valid TOML: {error}")]) from None
    document["root"] = str(folder / document["root"]) if isinstance(document.get("root"), str) else str(folder)
    return parse_document(document, line=lambda path: line_of(text, path))


def parse_document(
    document: Document, *, line: Callable[[Sequence[str | int]], int | None] = lambda path: None
) -> config.StackConfig:
    """Validate a document (as stored) and give the typed form.

    Raises: StackInvalid.
    """
    problems = [
        _problem(error, line)
        for error in sorted(_VALIDATOR.iter_errors(document), key=lambda e: list(map(str, e.absolute_path)))
    ]
    if not problems:
        problems = [Problem(".".join(map(str, path)), line(path), message) for path, message in _dangling(document)]
    if problems:
        raise StackInvalid(problems)
    return _typed(document)


def _problem(error: ValidationError, line: Callable[[Sequence[str | int]], int | None]) -> Problem:
    path = tuple(error.absolute_path)
    key = ".".join(map(str, path)) or "file"
    return Problem(key, line(path), _plain_words(error))


def _plain_words(error: ValidationError) -> str:
    """Say what is wrong without echoing a value: it may be a secret in the wrong place."""
    rule: Any = error.validator
    wants: Any = error.validator_value
    broken: Document = error.schema if isinstance(error.schema, dict) else {}
    if broken.get("x-secret"):
        return "a secret stands here only as a reference: env:NAME, file:PATH or db:NAME"
    if rule == "required" and isinstance(error.instance, dict):
        missing = [name for name in wants if name not in error.instance]
        return f"missing: {', '.join(missing)}"
    if rule == "additionalProperties" and isinstance(error.instance, dict):
        known = broken.get("properties", {})
        unknown = sorted(set(error.instance) - set(known))
        return f"unknown key {', '.join(unknown)}; known are {', '.join(sorted(known))}"
    if rule == "enum":
        return f"must be one of {', '.join(map(str, wants))}"
    if rule in {"minimum", "maximum"}:
        return f"must be at {'least' if rule == 'minimum' else 'most'} {wants}"
    if rule == "oneOf":
        return "give exactly one of environment_variable and value"
    if rule in {"propertyNames", "pattern"}:
        return f"does not have the form {broken.get('pattern', wants)}"
    return f"must satisfy {rule} {wants}"


def _dangling(document: Document) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Find names that point at nothing, and what the vantage needs."""
    services, tls = document["services"], document.get("tls", {})
    if document["vantage"] == "container" and "engine" not in document:
        yield ("vantage",), "the container vantage needs an [engine] table"
    for path, name in _service_names(document):
        if name not in services:
            yield path, f"there is no service {name}; known are {', '.join(sorted(services))}"
    for name, endpoint in document.get("endpoints", {}).items():
        if endpoint["url"].startswith("https:") and "tls" not in endpoint:
            yield ("endpoints", name), "an https endpoint names its [tls.*] table with tls = ..."
        if endpoint.get("tls", None) not in {None, *tls}:
            yield ("endpoints", name, "tls"), f"there is no [tls.{endpoint['tls']}] table"
    login = document.get("login")
    if login and login["endpoint"] not in document.get("endpoints", {}):
        yield ("login", "endpoint"), f"there is no [endpoints.{login['endpoint']}] table"
    yield from _dangling_oauth(document.get("oauth"), tls)
    if document.get("security_log") == {}:
        yield ("security_log",), "names the files, or the service whose log has lines about logins, or both"
    yield from _dangling_agents(document, tls)
    queue = document.get("queue")
    if queue and queue["adapter"] == "redis-list" and not queue.get("pending"):
        yield ("queue",), "a redis-list queue names its lists with pending = [...]"


def _dangling_agents(document: Document, tls: Document) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for table in ("accounts", "agents"):
        database = document.get(table, {}).get("database")
        if database is not None and database not in document.get("databases", {}):
            yield (table, "database"), f"there is no [databases.{database}] table"
    for name, tool in document.get("tools", {}).items():
        if {"url", "environment_variable"} <= set(tool):
            yield ("tools", name), "give url or environment_variable, not both"
    for name, provider in document.get("model_providers", {}).items():
        if provider.get("tls") not in {None, *tls}:
            yield ("model_providers", name, "tls"), f"there is no [tls.{provider['tls']}] table"


def _dangling_oauth(oauth: Document | None, tls: Document) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if oauth is None:
        return
    if not {"issuer", "discovery_url"} & set(oauth):
        yield ("oauth",), "names the provider by issuer = ... or discovery_url = ..."
    if oauth.get("tls") not in {None, *tls}:
        yield ("oauth", "tls"), f"there is no [tls.{oauth['tls']}] table"


def _service_names(document: Document) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for name, service in document["services"].items():
        for index, other in enumerate(service.get("depends_on", ())):
            yield ("services", name, "depends_on", index), other
    for table in ("endpoints", "databases", "tools", "model_providers"):
        for name, entry in document.get(table, {}).items():
            yield (table, name, "service"), entry["service"]
    poolers = {name: entry["pooler"] for name, entry in document.get("databases", {}).items() if "pooler" in entry}
    yield from ((("databases", name, "pooler", "service"), one["service"]) for name, one in poolers.items())
    for index, key in enumerate(document.get("tokens", {}).get("keys", ())):
        yield ("tokens", "keys", index, "service"), key["service"]
    if "service" in document.get("security_log", {}):
        yield ("security_log", "service"), document["security_log"]["service"]
    queue = document.get("queue", {})
    for field in ("service", "worker_service"):
        if field in queue:
            yield ("queue", field), queue[field]
    for index, url in enumerate(queue.get("urls", ())):
        yield ("queue", "urls", index, "service"), url["service"]


def _typed(document: Document) -> config.StackConfig:
    root = Path(document["root"])
    return config.StackConfig(
        name=document["name"],
        environment=document["environment"],
        vantage=document["vantage"],
        root=root,
        description=document.get("description", ""),
        emergency_contacts=tuple(config.Contact(**c) for c in document.get("emergency_contacts", ())),
        engine=_make(config.Engine, document.get("engine"), root),
        host=_make(config.Host, document.get("host"), root),
        services={name: _service(name, table, root) for name, table in document["services"].items()},
        endpoints=_named(config.Endpoint, document.get("endpoints", {}), root),
        tls=_named(config.TlsFiles, document.get("tls", {}), root),
        databases=_named(config.Database, document.get("databases", {}), root),
        login=_make(authentication.Login, document.get("login"), root),
        accounts=_make(authentication.Accounts, document.get("accounts"), root),
        tokens=_tokens(document.get("tokens"), root),
        oauth=_oauth(document.get("oauth"), root),
        security_log=_make(authentication.SecurityLog, document.get("security_log"), root),
        dns=_dns(document.get("dns", {})),
        queue=_queue(document.get("queue"), root),
        agents=agents.agents_of(document.get("agents")),
        tools=_named(agents.Tool, document.get("tools", {}), root),
        model_providers=_named(agents.ModelProvider, document.get("model_providers", {}), root),
        logs=config.Logs(**document.get("logs", {})),
        retention=config.Retention(**document.get("retention", {})),
        schedule=_make(config.Schedule, document.get("schedule"), root),
        issue_tracker=_make(config.IssueTracker, document.get("issue_tracker"), root),
        thresholds=document.get("thresholds", {}),
        document=document,
    )


_PATHS = {
    "ca",
    "server_certificate",
    "server_key",
    "client_certificate",
    "client_key",
    "client_ca",
    "pid_file",
    "environment_file",
    "heartbeat_file",
    "directory",
    "programs",
}
_PATH_LISTS = {"log_files", "files", "paths", "directories"}
_SECRETS = {"password", "admin_password", "value", "key"}
_NESTED: dict[str, Callable[..., Any]] = {
    "monitor": config.Monitor,
    "migrations": config.Migrations,
    "backups": config.Backups,
    "pooler": config.Pooler,
}


def _convert(key: str, value: Any, root: Path) -> Any:
    if key in _PATHS:
        return root / value
    if key in _SECRETS:
        return SecretReference.parse(value)
    if key in _NESTED:
        return _make(_NESTED[key], value, root)
    if key in _PATH_LISTS:
        return tuple(root / item for item in value)
    if key == "url":
        return value.rstrip("/")
    return tuple(value) if isinstance(value, list) else value


def _make(kind: Callable[..., T], table: Document | None, root: Path, **more: Any) -> T | None:
    if table is None:
        return None
    return kind(**{key: _convert(key, value, root) for key, value in table.items()}, **more)


def _named(kind: Callable[..., T], tables: Document, root: Path) -> dict[str, T]:
    made = {name: _make(kind, table, root, name=name) for name, table in tables.items()}
    return {name: entry for name, entry in made.items() if entry is not None}


def _service(name: str, table: Document, root: Path) -> config.Service:
    listens = tuple(_host_and_port(item) for item in table.get("listens", ()))
    rest = {key: value for key, value in table.items() if key != "listens"}
    return config.Service(**{k: _convert(k, v, root) for k, v in rest.items()}, name=name, listens=listens)


def _queue(table: Document | None, root: Path) -> config.Queue | None:
    if table is None:
        return None
    urls = tuple(config.BrokerUrl(**entry) for entry in table.get("urls", ()))
    return _make(config.Queue, {key: value for key, value in table.items() if key != "urls"}, root, urls=urls)


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _tokens(table: Document | None, root: Path) -> authentication.Tokens | None:
    if table is None:
        return None
    keys = tuple(_make(authentication.TokenKey, entry, root) for entry in table.get("keys", ()))
    return _make(authentication.Tokens, {key: value for key, value in table.items() if key != "keys"}, root, keys=keys)


def _dns(table: Document) -> config.Dns:
    expected = {name.lower(): tuple(addresses) for name, addresses in table.get("expected", {}).items()}
    return config.Dns(resolvers=tuple(table.get("resolvers", ())), expected=expected)


def _oauth(table: Document | None, root: Path) -> authentication.OAuth | None:
    if table is None:
        return None
    cookies = tuple(authentication.SessionCookie(**one) for one in table.get("cookies", ()))
    rest = {key: value for key, value in table.items() if key != "cookies"}
    return _make(authentication.OAuth, rest, root, cookies=cookies)
