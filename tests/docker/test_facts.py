"""How a real engine behaves, as the checks of containers take it for granted: flapping states, marks that stay."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError
from docker.models.containers import Container

from deploy.awe.compose.building import build_images
from deploy.awe.compose.engine import ensure_engine
from diagnostics.checks.result import Result, State
from tests.diagnostics.brokers import wait_until
from tests.diagnostics.looks import found, look
from tests.docker.checks.breaking import described_at
from tests.docker.lone import PROJECT, running, shell

pytestmark = [
    pytest.mark.docker,
    # docker-py leaves the sockets of streams to the collector; the processes that look live for seconds only.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SECOND = 1_000_000_000
ALWAYS = {"Name": "always"}
LIMIT = 32 * 2**20
# Takes more memory than there is: the kernel kills it, and not who started it.
GREEDY = 'x=x; while :; do x="$x$x"; done'


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    host = ensure_engine()
    build_images(host)
    client = docker.DockerClient(base_url=host, timeout=30)
    yield client
    client.close()


def health(test: str, *, retries: int = 2) -> Mapping[str, Any]:
    return {"test": ["CMD-SHELL", test], "interval": SECOND, "timeout": SECOND, "retries": retries}


def seen(container: Container) -> Mapping[str, Any]:
    """Give the container as inspect has it now."""
    container.reload()
    return dict(container.attrs)


def state_of(container: Container) -> Mapping[str, Any]:
    return dict(seen(container)["State"])


def samples(container: Container, *, seconds: float, until: Callable[[list[Any]], bool]) -> list[Mapping[str, Any]]:
    """Look again and again until there is enough to tell."""
    taken: list[Mapping[str, Any]] = []
    ends_at = time.monotonic() + seconds
    while not until(taken) and time.monotonic() < ends_at:
        taken.append(seen(container))
        time.sleep(0.02)
    return taken


def looked(slug: str, tmp_path: Path) -> Result:
    return look(slug, described_at(tmp_path, ensure_engine(), project=PROJECT))


def test_a_crash_loop_flips_and_its_count_tells(client: docker.DockerClient, tmp_path: Path) -> None:
    with running(client, shell("sleep 0.3; exit 3"), restart_policy=ALWAYS) as loop:
        taken = samples(
            loop, seconds=20, until=lambda so_far: len({one["State"]["Status"] for one in so_far[1:]} - {"exited"}) > 1
        )
        wait_until(lambda: seen(loop)["RestartCount"] >= 3, seconds=20)
        result = looked("startup.container_state", tmp_path)
    by_status = {one["State"]["Status"]: one["State"] for one in taken}
    assert {"running", "restarting"} <= by_status.keys()
    assert (by_status["running"]["ExitCode"], by_status["running"]["Restarting"]) == (0, False)
    assert (by_status["restarting"]["ExitCode"], by_status["restarting"]["Running"]) == (3, True)
    assert found(result, "container.crash_loop").state is State.FAIL


def test_between_two_starts_a_container_is_unhealthy_with_an_empty_log(
    client: docker.DockerClient, tmp_path: Path
) -> None:
    with running(client, shell("exit 3"), restart_policy=ALWAYS, healthcheck=health("true")) as loop:
        wait_until(lambda: state_of(loop)["Status"] == "restarting" and seen(loop)["RestartCount"] >= 4, seconds=20)
        state = state_of(loop)
        result = looked("startup.container_health", tmp_path)
    assert (state["Health"]["Status"], state["Health"]["FailingStreak"]) == ("unhealthy", 0)
    assert not state["Health"]["Log"]
    assert all(one.state is not State.FAIL for one in result.findings)  # that is startup.container_state's to tell


def test_a_paused_or_exited_container_is_unhealthy_whatever_its_check_said(
    client: docker.DockerClient,
) -> None:
    with running(client, ["sleep", "60"], healthcheck=health("true")) as one:
        wait_until(lambda: state_of(one)["Health"]["Status"] == "healthy", seconds=20)
        one.pause()
        paused = state_of(one)
        one.unpause()
        one.kill()
        one.wait(timeout=20)
        exited = state_of(one)
    assert (paused["Status"], paused["Running"], paused["Paused"]) == ("paused", True, True)
    assert paused["Health"]["Status"] == "unhealthy"  # so health alone must not be read as a failing check
    assert (exited["Status"], exited["Health"]["Status"]) == ("exited", "unhealthy")


def test_starting_is_told_from_healthy_and_five_outputs_are_kept(client: docker.DockerClient, tmp_path: Path) -> None:
    check = health("echo the database is away; exit 1", retries=30)
    with running(client, ["sleep", "60"], healthcheck=check) as one:
        early = state_of(one)["Health"]["Status"]
        result = looked("startup.container_health", tmp_path)
        wait_until(lambda: state_of(one)["Health"]["FailingStreak"] >= 6, seconds=30)
        kept = state_of(one)["Health"]["Log"]
    assert early == "starting"
    assert found(result, "container.starting").target == "shop"
    assert [entry["Output"].strip() for entry in kept] == ["the database is away"] * 5


def test_the_count_of_restarts_stays_when_a_loop_ends_and_begins_anew_by_hand(client: docker.DockerClient) -> None:
    with running(
        client,
        shell("[ -e /tmp/twice ] && exec sleep 60; [ -e /tmp/once ] && touch /tmp/twice; touch /tmp/once; exit 1"),
        restart_policy=ALWAYS,
    ) as one:
        wait_until(lambda: seen(one)["RestartCount"] == 2 and state_of(one)["Status"] == "running", seconds=20)
        time.sleep(1.0)
        ended = seen(one)
        one.restart(timeout=1)
        by_hand = seen(one)
    assert (ended["RestartCount"], ended["State"]["Status"]) == (2, "running")
    assert by_hand["RestartCount"] == 0
    assert by_hand["State"]["StartedAt"] > ended["State"]["StartedAt"]


def test_with_init_a_command_that_cannot_be_run_is_a_loop_with_126(client: docker.DockerClient) -> None:
    with running(client, ["/etc/passwd"], init=True, restart_policy=ALWAYS) as one:
        wait_until(lambda: seen(one)["RestartCount"] >= 2 and state_of(one)["Status"] == "restarting", seconds=20)
        state, said = state_of(one), one.logs().decode()
    assert state["ExitCode"] == 126
    assert "exec /etc/passwd failed: Permission denied" in said


def test_a_killed_child_is_counted_by_the_cgroup_and_need_not_be_marked(
    client: docker.DockerClient, tmp_path: Path
) -> None:
    began = datetime.now(UTC) - timedelta(seconds=2)
    with running(client, shell(f"bash -c '{GREEDY}'; exec sleep 60"), mem_limit=LIMIT, memswap_limit=LIMIT) as one:
        wait_until(lambda: b"Killed" in one.logs(), seconds=30)
        wait_until(lambda: "oom" in _events(client, one, since=began))
        state, result = state_of(one), looked("startup.out_of_memory", tmp_path)
        happened = _events(client, one, since=began)
    assert (state["Status"], state["ExitCode"]) == ("running", 0)  # OOMKilled: false up to 20.10, then true
    assert found(result, "memory.child_killed").state is State.WARN
    assert any("Killed" in one.content for one in result.evidence)
    assert (happened["oom"], "die" in happened) == ("", False)


def test_a_restart_by_the_engine_keeps_the_mark_of_the_kill(client: docker.DockerClient, tmp_path: Path) -> None:
    began = datetime.now(UTC) - timedelta(seconds=2)
    script = f"[ -e /tmp/before ] && exec sleep 60; touch /tmp/before; {GREEDY}"
    with running(client, shell(script), mem_limit=LIMIT, memswap_limit=LIMIT, restart_policy=ALWAYS) as one:
        wait_until(lambda: seen(one)["RestartCount"] == 1 and state_of(one)["Status"] == "running", seconds=30)
        wait_until(lambda: "die" in _events(client, one, since=began))
        state, result = state_of(one), looked("startup.out_of_memory", tmp_path)
        happened = _events(client, one, since=began)
        one.restart(timeout=1)
        anew = state_of(one)
    assert (state["Status"], state["ExitCode"], state["OOMKilled"]) == ("running", 0, True)
    assert found(result, "memory.killed").state is State.FAIL  # a moment ago
    assert happened["oom"] == ""
    assert happened["die"] == "137"
    assert anew["OOMKilled"] is False


def test_137_without_the_mark_is_a_kill_from_outside(client: docker.DockerClient, tmp_path: Path) -> None:
    with running(client, shell("trap '' TERM; while :; do sleep 1; done")) as one:
        one.stop(timeout=1)
        state, result = state_of(one), looked("startup.out_of_memory", tmp_path)
    assert (state["ExitCode"], state["OOMKilled"]) == (137, False)
    assert "a kill from outside" in found(result, "memory.not_killed").message


def test_a_port_that_the_host_has_leaves_a_container_created_with_128(
    client: docker.DockerClient, tmp_path: Path
) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:  # as the engine binds
        port = taken.getsockname()[1]
        with running(client, ["sleep", "60"], start=False, ports={"80/tcp": port}) as one:
            with suppress(APIError):
                one.start()
            state, said = state_of(one), one.logs()
            result = looked("startup.container_state", tmp_path)
    assert (state["Status"], state["ExitCode"], said) == ("created", 128, b"")
    assert "address already in use" in state["Error"]
    assert found(result, "container.port_taken").state is State.FAIL


def _events(client: docker.DockerClient, container: Container, *, since: datetime) -> Mapping[str, str]:
    """Give what happened to a container, and with which exit code."""
    ask: Any = client.events  # its types leave out the fractions that the API takes
    until = datetime.now(UTC)
    stream = ask(
        since=f"{since.timestamp():.6f}",
        until=f"{until.timestamp():.6f}",
        filters={"container": container.id},
        decode=True,
    )
    return {one["Action"]: one["Actor"]["Attributes"].get("exitCode", "") for one in stream}
