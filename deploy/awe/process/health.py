"""Is the stack healthy? Strict: every door is tried, a job goes all the way, nothing is left over."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from awe_incidents.local.errors import LocalError
from deploy.awe.certificates import Infrastructure
from deploy.awe.process.backup import PATTERN
from deploy.awe.process.client import ApiClient
from deploy.awe.process.errors import ApiUnreachable
from deploy.awe.process.layout import Layout, read_environment

if TYPE_CHECKING:
    from deploy.awe.process.stack import ProcessStack

JOB_SECONDS = 6.0
EMPTY_SECONDS = 1.0
POLL_SECONDS = 0.05
TOOL_SECONDS = 2.0
MAX_HEARTBEAT_SECONDS = 10.0
MAX_ABSENCE_SECONDS = 20.0  # the worker notes every 5 s that it lives, which may take 5 s to connect and 8 s to write
NEW_BEAT_SECONDS = 7.0  # a beat and a slow one


def problems(stack: ProcessStack) -> list[str]:
    """List what is wrong, in plain words; an empty list means healthy."""
    found = list(_programs(stack))
    if found:
        return found
    found = [*_certificates(stack.layout), *_secrets(stack), *_backups(stack.layout)]
    found += [*_heartbeat(stack), *_open_door(stack), *_tools(stack)]
    try:
        # Work is tried only where what it needs is there: else waiting for it would fill the log with failed requests.
        found += list(_dependencies(stack)) or list(_work(stack))
    except ApiUnreachable as error:
        found.append(str(error))
    return list(dict.fromkeys(found))


def _programs(stack: ProcessStack) -> Iterator[str]:
    try:
        status = stack.status()
    except LocalError as error:
        yield str(error)
        return
    for name, facts in status.items():
        if facts["state"] not in {"ready", "done"}:
            yield f"{name} is {facts['state']}{': ' + facts['problem'] if facts['problem'] else ''}"


def _certificates(layout: Layout) -> Iterator[str]:
    for path, finding in Infrastructure(root=layout.root).findings():
        if finding:
            yield f"{path.relative_to(layout.root)}: {finding}"


def _secrets(stack: ProcessStack) -> Iterator[str]:
    key = stack.layout.key("server")
    if key.stat().st_mode & 0o077:
        yield f"{key.relative_to(stack.root)} can be read by others than its owner"
    for service in (stack.settings.services.api, stack.settings.services.worker):
        if "changeme" in read_environment(stack.layout.environment(service))["JWT_SECRET_KEY"]:
            yield f"JWT_SECRET_KEY of {service} is a placeholder"


def _tools(stack: ProcessStack) -> Iterator[str]:
    place = urlsplit(read_environment(stack.layout.environment(stack.settings.services.worker))["TOOL_BASE_URL"])
    try:
        socket.create_connection((place.hostname or "", place.port or 80), timeout=TOOL_SECONDS).close()
    except OSError as error:
        yield f"the tools' server at {place.hostname}:{place.port} cannot be connected: {error}"


def _backups(layout: Layout) -> Iterator[str]:
    if not list(layout.backups.glob(PATTERN)):
        yield f"there is no backup in {layout.backups.relative_to(layout.root)}"


def _heartbeat(stack: ProcessStack) -> Iterator[str]:
    path = stack.layout.heartbeat(stack.settings.services.worker)
    age_seconds = time.time() - path.stat().st_mtime if path.exists() else None
    if age_seconds is None or age_seconds > MAX_HEARTBEAT_SECONDS:
        yield f"the worker's heartbeat is {'absent' if age_seconds is None else f'{age_seconds:.0f} s old'}"


def _open_door(stack: ProcessStack) -> Iterator[str]:
    try:
        answer = stack.client(with_certificate=False).get("/health")
    except ApiUnreachable:
        return
    yield f"a client without a certificate is answered with {answer.status}"


def _dependencies(stack: ProcessStack) -> Iterator[str]:
    answer = stack.client().get("/health")
    if answer.status != 200:
        yield f"GET /health is answered with {answer.status}: {answer.body}"


def _work(stack: ProcessStack) -> Iterator[str]:
    client, token = stack.client(), stack.token()
    me = client.get("/auth/me", token=token)
    if me.status != 200:
        yield f"GET /auth/me is answered with {me.status} to a fresh token"
        return
    workflows = client.get("/workflows?limit=1", token=token)
    if workflows.status != 200:
        yield f"GET /workflows is answered with {workflows.status}"
    yield from _agents(stack, client)
    if waiting := _left_in_lists(client):  # a job of ours would wait behind them
        yield waiting
        return
    job = client.submit("echo", {"text": "healthy?"}, token=token)
    ended = _wait_for_end(client, job, token=token)
    if ended["status"] != "done" or ended["result"] != "healthy?":
        yield f"a job is {ended['status']} after {JOB_SECONDS:g} s at most: {ended['result']}"
    if left := _left_in_lists(client):
        yield left


def _agents(stack: ProcessStack, client: ApiClient) -> Iterator[str]:
    """Wait for a beat that is new: one that is nearly too old would be so at the next look."""
    deadline = time.monotonic() + MAX_ABSENCE_SECONDS
    while True:
        answer = client.get("/agents")
        ages = {one["name"]: one["heartbeat_seconds"] for one in answer.body} if answer.status == 200 else {}
        if ages.get(stack.settings.services.worker, MAX_ABSENCE_SECONDS) < NEW_BEAT_SECONDS:
            return
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    yield f"GET /agents is answered with {answer.status}, and the worker is not among those who live: {ages}"


def _wait_for_end(client: ApiClient, job: str, *, token: str) -> dict[str, Any]:
    deadline = time.monotonic() + JOB_SECONDS
    while True:
        found: dict[str, Any] = client.get(f"/jobs/{job}", token=token).body
        if found["status"] not in {"queued", "running"} or time.monotonic() > deadline:
            return found
        time.sleep(POLL_SECONDS)


def _left_in_lists(client: ApiClient) -> str:
    """Give the worker a moment: it takes a job off the processing list just after it recorded the result."""
    deadline = time.monotonic() + EMPTY_SECONDS
    while any((found := client.get("/jobs/stats").body).values()):
        if time.monotonic() > deadline:
            return f"the queue is not empty: {found}"
        time.sleep(POLL_SECONDS)
    return ""
