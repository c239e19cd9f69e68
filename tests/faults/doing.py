"""What faults are made of: edits of the compose file, certificates of any dates, clients that hold connections."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from docker.errors import NotFound

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.building import image
from deploy.awe.compose.errors import ComposeStackError
from deploy.awe.compose.stack import PROXY_UID, wait_for
from deploy.awe.issuing import KeyPair, Validity, issue_server, make_ca, names_of
from deploy.awe.process.errors import ApiUnreachable

FAULT_LABEL = "awe.fault"
DATABASE = "ai_workflow_engine"


def edit_service(stack: ComposeStack, service: str, **changes: Any) -> None:
    """Change keys of a service in the deployed compose file, as an operator would; `environment` is merged."""
    path = stack.root / stack.settings.compose_file
    document = json.loads(json.dumps(yaml.safe_load(path.read_text())))
    for key, value in changes.items():
        if key == "environment":
            document["services"][service].setdefault(key, {}).update(value)
        else:
            document["services"][service][key] = value
    path.write_text(yaml.safe_dump(document, sort_keys=False))


def apply_service(stack: ComposeStack, service: str) -> None:
    """Make a service anew as the deployed compose file has it now; what compose says of it is the fault's."""
    stack.compose("up", "-d", "--no-deps", service, check=False)


def restore_service(stack: ComposeStack, *services: str) -> None:
    """Put the good compose file back and make services anew by it."""
    stack.write_configuration()
    for service in services:
        stack.compose("up", "-d", "--no-deps", service)


def restart(stack: ComposeStack, service: str) -> None:
    """Restart a container."""
    stack.container(service).restart(timeout=3)


def state(stack: ComposeStack, service: str) -> Mapping[str, Any]:
    """Give a container's state; empty where there is none."""
    return dict(stack.inspect(service).get("State") or {})


def health(stack: ComposeStack, service: str) -> str:
    """Give what the engine's health check says."""
    return str((state(stack, service).get("Health") or {}).get("Status", "none"))


def restarts(stack: ComposeStack, service: str) -> int:
    """Give how often the engine restarted a container."""
    return int(stack.inspect(service).get("RestartCount", 0))


def sql(stack: ComposeStack, statement: str, *, check: bool = True) -> str:
    """Run SQL as superuser inside the database's container."""
    arguments = ["psql", "-X", "-U", "postgres", "-d", DATABASE, "-v", "ON_ERROR_STOP=1", "-At", "-c", statement]
    return stack.exec(stack.settings.names.database, arguments, check=check).strip()


def redis(stack: ComposeStack, *words: str) -> str:
    """Run a Redis command."""
    return stack.exec(stack.settings.names.redis, ["redis-cli", *words]).strip()


def status_of(stack: ComposeStack, path: str = "/health", *, seconds: float = 25.0, token: str = "") -> int:
    """Give the status of an answer of the api, 0 where there is none."""
    with contextlib.suppress(ApiUnreachable):
        return stack.client(timeout_seconds=seconds).get(path, token=token).status
    return 0


def refusal_of(stack: ComposeStack) -> str:
    """Give why the api cannot be asked, empty where it can."""
    try:
        stack.client().get("/health")
    except ApiUnreachable as error:
        return str(error)
    return ""


def submit(stack: ComposeStack, tool: str = "echo", **arguments: Any) -> str:
    """Queue a job; what keeps it from being queued is part of a fault and returned as text."""
    try:
        return stack.client().submit(tool, arguments or {"text": "x"}, token=stack.token())
    except ApiUnreachable as error:
        return str(error)


def hold(stack: ComposeStack, name: str, host: str, port: int, program: str) -> None:
    """Start a client of the database that goes on as `program` says, with psycopg and DSN at hand."""
    password = stack.secret("APP_DB_PASSWORD")
    dsn = f"postgresql://awe_app:{password}@{host}:{port}/{DATABASE}?application_name={name}"
    stack.engine.containers.run(
        image("app"),
        ["python", "-c", f"import os, time, psycopg\nDSN = os.environ['DSN']\n{program}\ntime.sleep(36000)"],
        name=f"{stack.settings.project}-{name}",
        labels={FAULT_LABEL: stack.settings.project},
        network=f"{stack.settings.project}_backend",
        environment={"DSN": dsn},
        mem_limit="96m",
        detach=True,
        init=True,
    )


def let_go(stack: ComposeStack, name: str) -> None:
    """Remove a client that `hold` started."""
    with contextlib.suppress(NotFound):
        stack.engine.containers.get(f"{stack.settings.project}-{name}").remove(force=True)


def says(stack: ComposeStack, name: str, words: str, *, seconds: float = 20.0) -> bool:
    """Wait until a client that `hold` started says these words."""
    container = stack.engine.containers.get(f"{stack.settings.project}-{name}")
    return wait_for(lambda: words.encode() in container.logs(), seconds=seconds)


def keep_certificates(stack: ComposeStack) -> None:
    """Copy the good certificates aside, once."""
    kept = stack.notes / "certs"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(stack.root / "certs", kept)


def restore_certificates(stack: ComposeStack, *, reload: bool = True) -> None:
    """Put the good certificates back, owners and modes included."""
    kept = stack.notes / "certs"
    if kept.exists():
        for path in kept.rglob("*"):
            if path.is_file():
                target = stack.root / "certs" / path.relative_to(kept)
                shutil.copy2(path, target)
                if target.parent.name == "server":
                    shutil.chown(target, PROXY_UID, PROXY_UID)
        shutil.rmtree(kept)
    if reload:
        restart(stack, stack.settings.names.caddy)


def from_to(start_days: float, end_days: float) -> Validity:
    """Give a period in days from now."""
    now = datetime.now(UTC)
    return Validity(not_before=now + timedelta(days=start_days), not_after=now + timedelta(days=end_days))


def serve_certificate(
    stack: ComposeStack, *, validity: Validity | None = None, names: list[str] | None = None, ca: KeyPair | None = None
) -> None:
    """Put a server certificate in place and have the proxy serve it."""
    files = stack.certificates
    present = names_of(KeyPair.read(files.server).certificate)
    pair = issue_server(ca or KeyPair.read(files.ca), names=names or present, validity=validity)
    pair.write(files.server, owner_id=PROXY_UID)
    with contextlib.suppress(ComposeStackError):
        restart(stack, stack.settings.names.caddy)


def other_ca() -> KeyPair:
    """Make a CA of the same name and another key."""
    return make_ca()


def client_files(stack: ComposeStack) -> tuple[Path, Path]:
    """Give the client's certificate and key."""
    stem = stack.certificates.client
    return stem.with_suffix(".crt"), stem.with_suffix(".key")
