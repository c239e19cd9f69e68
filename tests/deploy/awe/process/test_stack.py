"""The running stack, through its front door and from outside."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from awe_incidents.local.lock import lock_holder
from deploy.awe.process import ProcessStack, StackSettings
from deploy.awe.process.errors import NotHealthy
from diagnostics.stack import SecretResolver, read_stack
from tests.diagnostics.databases import NEEDS_PGBOUNCER
from tests.processes import is_running
from tests.stacks import running_stack


def wait_for(condition: Callable[[], bool], *, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def processes_of(stack: ProcessStack) -> list[psutil.Process]:
    supervisor = lock_holder(stack.root)
    assert supervisor is not None
    return [psutil.Process(supervisor), *psutil.Process(supervisor).children(recursive=True)]


def alert(stack: ProcessStack, version: ssl.TLSVersion) -> str:
    """Connect without a client certificate, and read first."""
    context = ssl.create_default_context(cafile=str(stack.layout.certificate("ca")))
    context.minimum_version = context.maximum_version = version
    address = (stack.settings.address, stack.settings.chosen_ports.api)
    with socket.create_connection(address, timeout=5) as plain, pytest.raises(ssl.SSLError) as caught:  # noqa: SIM117
        with context.wrap_socket(plain, server_hostname=stack.settings.host) as connection:
            connection.read(1)
    return str(caught.value)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_without_a_certificate_is_told_so(version: ssl.TLSVersion, awe_stack: ProcessStack) -> None:
    assert "certificate required" in alert(awe_stack, version)


def test_the_api_shares_its_port_with_nobody(awe_stack: ProcessStack) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind((awe_stack.settings.address, awe_stack.settings.chosen_ports.api))


def test_a_job_is_done_by_the_worker(awe_stack: ProcessStack) -> None:
    client, token = awe_stack.client(), awe_stack.token()
    jobs = {tool: client.submit(tool, {}, token=token) for tool in ("db_report", "web_fetch", "summarise")}
    for job in jobs.values():
        wait_for(lambda job=job: client.get(f"/jobs/{job}", token=token).body["status"] not in {"queued", "running"})  # type: ignore[misc]
    results = {tool: client.get(f"/jobs/{job}", token=token).body["result"] for tool, job in jobs.items()}
    assert results["db_report"] == "500 workflows"
    assert "web_fetch" in results["web_fetch"]  # read from the api with the client certificate
    assert results["summarise"] == "1048576 bytes"


def test_the_api_answers_as_documented(awe_stack: ProcessStack) -> None:
    client, token = awe_stack.client(), awe_stack.token()
    assert client.get("/health").body["checks"].keys() == {"database", "redis"}
    assert client.get("/auth/me", token=token).body["sub"] == "probe"
    assert len(client.get("/workflows?limit=3", token=token).body) == 3
    assert client.get("/auth/me").status == 401
    assert client.get("/jobs/unknown", token=token).status == 404
    assert client.post("/jobs", {"tool": "unknown"}, token=token).status == 422
    assert client.post("/auth/login", {"username": 1}).status == 422


def test_an_account_is_locked_after_failures_and_a_reset_unlocks_it(awe_stack: ProcessStack) -> None:
    client = awe_stack.client()
    statuses = [client.post("/auth/login", {"username": "agent", "password": "wrong"}).status for _ in range(6)]
    assert statuses == [401] * 5 + [423]
    with awe_stack.superuser() as connection:
        connection.execute("UPDATE users SET failed_attempts = 0, locked_until = NULL WHERE username = 'agent'")
    assert client.post("/auth/login", {"username": "agent", "password": "agent-pass"}).status == 200


def test_logins_are_logged_and_audited(awe_stack: ProcessStack) -> None:
    awe_stack.client().post("/auth/login", {"username": "no\nbody", "password": "x"})
    log = awe_stack.layout.log("api").read_text()
    assert "WARNING auth: auth login failed username=no body client=127.0.0.1 reason=unknown_user" in log
    events = [json.loads(line) for line in awe_stack.layout.security_log.read_text().splitlines()]
    assert events[-1]["event"] == "login_failed"
    assert events[-1]["username"] == "no\nbody"


def test_the_description_leads_to_what_runs(awe_stack: ProcessStack) -> None:
    stack = read_stack(awe_stack.layout.description)
    status = awe_stack.status()
    for name, service in stack.services.items():
        assert service.pid_file is not None
        assert int(service.pid_file.read_text()) == status[name]["pid"]
        assert all(path.is_file() for path in service.log_files)
    resolver = SecretResolver(root=stack.root)
    assert all(len(resolver.reveal(reference)) > 20 for reference in stack.secret_references())


def test_api_and_worker_sign_and_verify_with_the_key_of_their_environment(awe_stack: ProcessStack) -> None:
    keys = {awe_stack.layout.pid_file(name).read_text().strip() for name in ("api", "worker")}
    found = {
        line.partition(b"=")[2].decode()
        for pid in keys
        for line in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        if line.startswith(b"JWT_SECRET_KEY=")
    }
    assert found == {awe_stack.layout.secret("jwt_secret_key")}


def test_no_secret_stands_in_an_argument_list_or_a_log(awe_stack: ProcessStack) -> None:
    layout = awe_stack.layout
    secrets = [path.read_text().strip() for path in (awe_stack.root / "secrets").iterdir() if path.suffix != ".env"]
    lists = [" ".join(process.cmdline()) for process in processes_of(awe_stack)]
    logs = [path.read_text() for path in layout.log("api").parent.iterdir()]
    assert secrets
    assert not [
        True for secret in secrets for text in (*lists, *logs, layout.description.read_text()) if secret in text
    ]


@pytest.mark.parametrize("service", ["api", "worker", "database", "redis", "pooler"])
def test_a_killed_program_comes_back(service: str, awe_stack: ProcessStack) -> None:
    if service == "pooler" and awe_stack.pooler is None:
        pytest.skip(NEEDS_PGBOUNCER)
    pid = awe_stack.status()[service]["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: awe_stack.status()[service]["pid"] not in {pid, None})
    awe_stack.wait_until_healthy(timeout_seconds=20)


@pytest.fixture(scope="module")
def other_stack() -> Iterator[ProcessStack]:
    """A stack that may be stopped."""
    with running_stack(StackSettings(name="other", host="127.0.0.5")) as stack:
        yield stack


def test_nothing_is_left_after_the_supervisor_was_killed_and_it_starts_again(other_stack: ProcessStack) -> None:
    processes = processes_of(other_stack)
    processes[0].kill()
    wait_for(lambda: not any(is_running(process) for process in processes))
    assert other_stack.problems() == [f"Nothing is running for {other_stack.root}."]
    other_stack.up(detached=False)
    assert other_stack.is_healthy()


def test_a_stack_is_stopped_for_good(other_stack: ProcessStack) -> None:
    processes = processes_of(other_stack)
    other_stack.down()
    assert not any(is_running(process) for process in processes)
    assert list((other_stack.root / "run").glob("*.pid")) == []


def test_a_stack_that_cannot_start_says_why(other_stack: ProcessStack) -> None:
    other_stack.down()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((other_stack.settings.address, other_stack.settings.chosen_ports.api))
        other.listen()
        with pytest.raises(NotHealthy, match="api is failed"):
            other_stack.up(detached=False)
    assert "Address already in use" in other_stack.layout.log("api").read_text()
