"""Is the deployment healthy? Strict: every container, every door, a job that goes all the way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from deploy.awe.compose.errors import ComposeFailed
from deploy.awe.process.errors import ApiUnreachable

if TYPE_CHECKING:
    from deploy.awe.compose.stack import ComposeStack

JOB_SECONDS = 6.0
SILENT_SECONDS = 15.0  # three beats of an agent
POLL_SECONDS = 0.2


def problems(stack: ComposeStack) -> list[str]:
    """List what is wrong, in plain words; an empty list means healthy."""
    found = [*_containers(stack), *_files(stack)]
    if found:
        return found
    try:
        return [*_door(stack), *_work(stack)]
    except ApiUnreachable as error:
        return [str(error)]


def _containers(stack: ComposeStack) -> Iterator[str]:
    for service in asdict(stack.settings.names).values():
        state = stack.inspect(service).get("State", {})
        status, health = state.get("Status", "absent"), state.get("Health", {}).get("Status", "none")
        if (status, health) != ("running", "healthy"):
            yield f"{service} is {status}, {health}"


def _files(stack: ComposeStack) -> Iterator[str]:
    for path, finding in stack.certificates.findings():
        if finding:
            yield f"{path.name}: {finding}"
    try:
        stack.compose("config", "-q")
    except ComposeFailed as error:
        yield str(error)


def _door(stack: ComposeStack) -> Iterator[str]:
    answer = stack.client().get("/health")
    if answer.status != 200:
        yield f"GET /health is answered with {answer.status}: {answer.body}"


def _work(stack: ComposeStack) -> Iterator[str]:
    client, token = stack.client(), stack.token()
    if client.get("/workflows", token=token).status != 200:
        yield "GET /workflows fails"
    for agent in client.get("/agents", token=token).body:
        if agent["heartbeat_seconds"] > SILENT_SECONDS:
            yield f"agent {agent['name']} was last heard of {agent['heartbeat_seconds']} s ago"
    job, deadline = client.submit("echo", {"text": "healthy?"}, token=token), time.monotonic() + JOB_SECONDS
    while (ended := client.get(f"/jobs/{job}", token=token).body)["status"] in {"queued", "running"}:
        if time.monotonic() > deadline:
            yield "a job waits for ever"
            return
        time.sleep(POLL_SECONDS)
    if ended["status"] != "done":
        yield f"a job is {ended['status']}: {ended['result']}"
