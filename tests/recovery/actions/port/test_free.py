"""Real processes that hold a service's port are stopped, those alone, and what is ours never."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.local.spawn import MARK
from awe_incidents.recovery import operations
from awe_incidents.recovery.actions import port_holders
from awe_incidents.recovery.actions.base import Acting, Doing, Probed, Verified
from awe_incidents.recovery.actions.registry import action
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.errors import ActionNotApplicable
from awe_incidents.recovery.operations.planning import planned
from deploy.awe.process import ProcessStack
from deploy.awe.process.faults.port_taken import PortTaken
from diagnostics.models import Stack
from diagnostics.operations import apply_stack
from diagnostics.probes import host
from diagnostics.stack import SecretResolver, Service, StackConfig, read_stack
from tests.conftest import SETUP
from tests.processes import is_running
from tests.recovery.conftest import actor, end_of

SLUG = "port.free"
# Starts in a session of its own and leaves nobody behind whose child it is, as what is not ours does.
PROGRAM = """
import os, signal, socket, sys, time
port, how, said = int(sys.argv[1]), sys.argv[2], sys.argv[3]
if os.fork():
    os._exit(0)
os.setsid()
if how == "garbled":
    with open("/proc/self/comm", "wb") as name:
        name.write(b"caf\\xe9")
if how == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if how == "returning":
    while True:
        if not (child := os.fork()):
            break
        os.waitpid(child, 0)
listener = socket.create_server(("127.0.0.1", port))
if how == "workers":
    for _ in range(2):
        if not os.fork():
            break
with open(said, "a") as file:
    print(os.getpid(), file=file)
time.sleep(600)
"""


@dataclass
class Squatters:
    """Who has the port, by what they said."""

    said: Path
    port: int

    @property
    def pids(self) -> list[int]:
        return [int(line) for line in self.said.read_text().split()] if self.said.exists() else []

    def alive(self) -> list[int]:
        return [pid for pid in self.pids if is_running(pid)]


@contextmanager
def squatting(folder: Path, *, how: str = "plain", many: int = 1) -> Iterator[Squatters]:
    squatters = Squatters(folder / f"{how}.said", free_port())
    subprocess.run([sys.executable, "-c", PROGRAM, str(squatters.port), how, str(squatters.said)], check=True)
    deadline = time.monotonic() + 10
    while len(squatters.pids) < many and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        yield squatters
    finally:
        for pid in squatters.alive():
            with_parent = [psutil.Process(pid).ppid()] if how == "returning" else []
            for one in [*with_parent, pid]:
                os.kill(one, signal.SIGKILL)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@contextmanager
def acting_on(folder: Path, port: int, **parameters: Any) -> Iterator[Acting[Any]]:
    """Plan for the service `till`, which does not run and is to have this port."""
    with site_of(folder, port) as site:
        document = {"service": "till", "port": port, "grace_seconds": 1, **parameters}
        yield planned(site, slug=SLUG, document=document).acting


@contextmanager
def site_of(folder: Path, port: int, **others: Service) -> Iterator[Site]:
    till = Service(name="till", role="api", pid_file=folder / "till.pid", listens=(("127.0.0.1", port),))
    services = {"till": till, **others}
    stack = StackConfig(name="shop", environment="Staging", vantage="process", root=folder, services=services)
    with closing(Site(stack, SecretResolver(folder))) as site:
        yield site


def run(acting: Acting[Any]) -> list[str]:
    said: list[str] = []
    for step in action(SLUG).steps(acting):
        step.run(Doing(token="awe-recovery-1-1", say=said.append, check=lambda: None))
    return said


def verify(acting: Acting[Any]) -> Verified:
    return action(SLUG).verify(acting)


def test_a_process_on_the_port_ends_and_the_port_is_free(tmp_path: Path) -> None:
    with squatting(tmp_path) as squatters, acting_on(tmp_path, squatters.port) as acting:
        (pid,) = squatters.pids
        assert [one["pid"] for one in acting.facts["holders"]] == [pid]
        assert action(SLUG).probe(acting) == Probed.CANNOT_TELL
        assert not verify(acting).is_good
        assert "has ended" in run(acting)[0]
        assert squatters.alive() == []
        verified = verify(acting)
        assert (verified.is_good, verified.text) == (True, f"port {squatters.port} is free")
        assert action(SLUG).probe(acting) == Probed.FINISHED_WELL
        socket.create_server(("127.0.0.1", squatters.port)).close()


def test_what_ignores_being_told_is_killed_after_the_grace(tmp_path: Path) -> None:
    with squatting(tmp_path, how="stubborn") as squatters, acting_on(tmp_path, squatters.port) as acting:
        began = time.monotonic()
        assert "killed after the grace" in run(acting)[0]
        assert time.monotonic() - began > 0.9
        assert squatters.alive() == []


def test_a_process_whose_name_is_no_utf_8_is_planned_for_and_ends(tmp_path: Path) -> None:
    with squatting(tmp_path, how="garbled") as squatters, site_of(tmp_path, squatters.port) as site:
        plan = planned(site, slug=SLUG, document={"service": "till", "port": squatters.port, "grace_seconds": 1})
        assert [one["name"] for one in plan.acting.facts["holders"]] == ["caf\N{REPLACEMENT CHARACTER}"]
        assert plan.seen
        assert "has ended" in run(plan.acting)[0]
        assert squatters.alive() == []


def test_the_one_above_all_who_share_the_socket_is_told_and_all_end(tmp_path: Path) -> None:
    with squatting(tmp_path, how="workers", many=3) as squatters, acting_on(tmp_path, squatters.port) as acting:
        (holder,) = acting.facts["holders"]
        assert {psutil.Process(pid).ppid() for pid in squatters.pids if pid != holder["pid"]} == {holder["pid"]}
        assert sorted(one["pid"] for one in holder["family"]) == sorted(squatters.pids)
        run(acting)
        assert squatters.alive() == []
        assert verify(acting).is_good


def test_a_second_time_tells_nobody(tmp_path: Path) -> None:
    with squatting(tmp_path) as squatters, acting_on(tmp_path, squatters.port) as acting:
        run(acting)
        assert "ended by itself" in run(acting)[0]


def test_a_later_process_of_the_same_number_is_not_told(tmp_path: Path) -> None:
    with squatting(tmp_path) as squatters, acting_on(tmp_path, squatters.port) as acting:
        (holder,) = acting.facts["holders"]
        for changed in ({"boot": "another"}, {"family": [{**one, "started": 1} for one in holder["family"]]}):
            later = replace(acting, facts={"holders": [{**holder, **changed}]})
            assert "ended by itself" in run(later)[0]
        assert squatters.alive() == squatters.pids


def test_what_comes_back_is_said(tmp_path: Path) -> None:
    with squatting(tmp_path, how="returning") as squatters, acting_on(tmp_path, squatters.port) as acting:
        run(acting)
        verified = verify(acting)
        assert not verified.is_good
        assert f"process {squatters.alive()[0]}" in verified.text
        assert "has it now" in verified.text
        assert action(SLUG).probe(acting) == Probed.FINISHED_BADLY


def test_a_units_process_is_planned_with_how_to_stop_the_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "control_groups", lambda pid: ["/system.slice/apache2.service"])
    with squatting(tmp_path) as squatters, acting_on(tmp_path, squatters.port) as acting:
        plan = action(SLUG).plan(acting)
    assert "`systemctl stop apache2.service`" in plan.warnings[0]
    assert plan.way_back == "systemctl start apache2.service"


def test_this_program_is_never_stopped(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as own,
        pytest.raises(ActionNotApplicable, match="belongs to this service"),
        acting_on(tmp_path, int(own.getsockname()[1])),
    ):
        pass
    with site_of(tmp_path, 1) as site, pytest.raises(ActionNotApplicable, match="process 1"):
        port_holders._check_foreign(site, psutil.Process(1))


def test_what_belongs_to_the_same_supervisor_is_never_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MARK, "ours")
    with (
        squatting(tmp_path) as squatters,
        pytest.raises(ActionNotApplicable, match="started with this service"),
        acting_on(tmp_path, squatters.port),
    ):
        pass


def test_another_service_of_the_stack_is_never_stopped(tmp_path: Path) -> None:
    with squatting(tmp_path) as squatters:
        (tmp_path / "bar.pid").write_text(f"{squatters.pids[0]}\n")
        bar = Service(name="bar", role="worker", pid_file=tmp_path / "bar.pid")
        document = {"service": "till", "port": squatters.port}
        with (
            site_of(tmp_path, squatters.port, bar=bar) as site,
            pytest.raises(ActionNotApplicable, match="held by bar of this stack"),
        ):
            planned(site, slug=SLUG, document=document)


def test_the_services_own_process_is_nobody_else(tmp_path: Path) -> None:
    with squatting(tmp_path) as squatters:
        (tmp_path / "till.pid").write_text(f"{squatters.pids[0]}\n")
        with pytest.raises(ActionNotApplicable, match="nobody else has port"), acting_on(tmp_path, squatters.port):
            pass


def test_a_port_that_the_service_is_not_to_have_is_refused(tmp_path: Path) -> None:
    with (
        squatting(tmp_path) as squatters,
        pytest.raises(ActionNotApplicable, match="does not declare"),
        site_of(tmp_path, 1) as site,
    ):
        planned(site, slug=SLUG, document={"service": "till", "port": squatters.port})


@pytest.mark.django_db(transaction=True)
def test_the_reference_stacks_api_gets_its_port_back(
    transactional_db: None,
    awe_stack: ProcessStack,
    operator: User,
    approver: User,
    signed_trail: None,
    rings: object,
) -> None:
    config = read_stack(awe_stack.root / "stack.toml")
    stack: Stack = apply_stack(config=config, by=SETUP, at=timezone.now()).stack
    api, port = awe_stack.settings.services.api, awe_stack.settings.chosen_ports.api
    fault = PortTaken(awe_stack)
    fault.notes.mkdir(parents=True, exist_ok=True)
    fault.inject()
    try:
        squatter = fault._squatter.pid
        assert squatter is not None
        request = operations.request_action(
            stack=stack,
            slug=SLUG,
            document={"service": api, "port": port},
            user=operator,
            by=actor(operator),
            at=timezone.now(),
            because="the api cannot start",
        )
        assert f"process {squatter}" in request.terms.plan["steps"][0]["title"]
        request = operations.approve_request(
            request=request,
            user=approver,
            by=actor(approver),
            at=timezone.now(),
            because="nobody needs it",
            digest=request.terms.digest,
        )
        assert is_running(squatter)
        operations.execute(execution_id=request.execution.pk)
        assert not is_running(squatter)
        assert end_of(request.execution) == ("succeeded", "whole", "done")
        awe_stack.start(api)
        awe_stack.wait_until_healthy()
    finally:
        fault.mend()
        awe_stack.wait_until_healthy()
