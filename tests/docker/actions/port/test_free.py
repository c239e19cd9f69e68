"""A container of another project, or a process of the host, has the proxy's port, and is stopped."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.errors import APIError
from docker.models.containers import Container

from awe_incidents.recovery.actions.base import AlreadyDone, Probed
from awe_incidents.recovery.errors import ActionNotApplicable
from deploy.awe.compose import ComposeStack
from deploy.awe.compose.building import image
from deploy.awe.compose.stack import PROJECT_LABEL, SERVICE_LABEL, wait_for
from deploy.awe.process.faults import squatter
from deploy.awe.process.faults.background import Background
from deploy.awe.process.settings import is_free
from tests.docker.actions.conftest import Trials
from tests.processes import is_running

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "port.free"
WAITING = "import time\ntime.sleep(600)"


@pytest.fixture(autouse=True)
def _without_its_port(lab: ComposeStack) -> Iterator[None]:
    lab.container("door").stop(timeout=3)
    assert wait_for(lambda: is_free("0.0.0.0", lab.settings.port), seconds=10)
    yield
    lab.container("door").start()
    lab.wait_until_healthy()


def running(lab: ComposeStack, *, project: str, service: str) -> Container:
    labels = {PROJECT_LABEL: project, SERVICE_LABEL: service}
    ports = {"80/tcp": lab.settings.port}
    made: Container = lab.engine.containers.run(
        image("app"), ["python", "-c", WAITING], labels=labels, ports=ports, detach=True
    )
    return made


def test_another_projects_container_is_stopped_once_and_the_proxy_starts(lab: ComposeStack, trials: Trials) -> None:
    other = running(lab, project="another-shop", service="web")
    try:
        with pytest.raises(APIError, match="port"):
            lab.container("door").start()
        trial = trials.plan(SLUG, service="door", port=lab.settings.port, grace_seconds=1)
        assert [one["id"] for one in trial.acting.facts["holders"]] == [other.id]
        assert "another-shop" in trial.action.plan(trial.acting).destroys[0]
        assert trial.probe() == Probed.CANNOT_TELL
        verified = trial.run()
        assert (verified.is_good, verified.text) == (True, f"port {lab.settings.port} is free")
        other.reload()
        assert other.status == "exited"
        assert trial.probe() == Probed.FINISHED_WELL
        _go_back(lab, trial.plan.way_back)
        other.reload()
        assert (other.status, is_free("0.0.0.0", lab.settings.port)) == ("running", False)
        other.stop(timeout=1)
        lab.container("door").start()
        lab.wait_until_healthy()
        assert "answered by door" in trial.action.verify(trial.acting).text
        assert lab.client().get("/health").status == 200
    finally:
        other.remove(force=True)


def _go_back(lab: ComposeStack, told: str) -> None:
    """Type what the plan says."""
    program, *arguments = told.split()
    assert program == "docker"
    subprocess.run([program, "-H", lab.host, *arguments], check=True, capture_output=True)


def test_the_engine_refuses_the_same_token_a_second_time(lab: ComposeStack, trials: Trials) -> None:
    other = running(lab, project="another-shop", service="web")
    try:
        trial = trials.plan(SLUG, service="door", port=lab.settings.port, grace_seconds=1)
        trial.action.steps(trial.acting)
        token = f"{trial.token}-1"
        with trials.site.engine(seconds=10) as engine:
            assert engine.take_name(token, image=trial.acting.facts["holders"][0]["image"])
        with pytest.raises(AlreadyDone):
            trial.run_steps()
        other.reload()
        assert other.status == "running"
    finally:
        other.remove(force=True)


def test_a_container_of_the_stack_itself_is_never_stopped(lab: ComposeStack, trials: Trials) -> None:
    second = running(lab, project=lab.settings.project, service="runner")
    try:
        with pytest.raises(ActionNotApplicable, match="held by runner of this stack"):
            trials.plan(SLUG, service="door", port=lab.settings.port)
        second.reload()
        assert second.status == "running"
    finally:
        second.remove(force=True)


def test_a_process_of_the_host_ends(lab: ComposeStack, trials: Trials, tmp_path: Path) -> None:
    background = Background(Path(squatter.__file__), tmp_path / "squatter.pid")
    arguments = ["0.0.0.0", str(lab.settings.port), str(os.getpid())]
    background.start(arguments, environment={}, otherwise="The port could not be taken.")
    try:
        pid = background.pid
        assert pid is not None
        trial = trials.plan(SLUG, service="door", port=lab.settings.port, grace_seconds=5)
        assert [one["pid"] for one in trial.acting.facts["holders"]] == [pid]
        assert trial.run().is_good
        assert not is_running(pid)
        lab.container("door").start()
        lab.wait_until_healthy()
    finally:
        background.end()


def test_a_port_that_nobody_else_has_is_said(lab: ComposeStack, trials: Trials) -> None:
    with pytest.raises(ActionNotApplicable, match="nobody else has port"):
        trials.plan(SLUG, service="door", port=lab.settings.port)
    with pytest.raises(ActionNotApplicable, match="is not to have port 1"):
        trials.plan(SLUG, service="door", port=1)
