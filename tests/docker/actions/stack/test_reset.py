"""A real deployment is made anew, empty but for its backups; others keep theirs, and a restore brings all back."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.types import IPAMConfig, IPAMPool

from awe_incidents.recovery.actions.base import AlreadyDone, Doing, Probed, Verified
from awe_incidents.recovery.actions.registry import action
from awe_incidents.recovery.actions.site import Past, Site
from awe_incidents.recovery.errors import ActionNotApplicable
from awe_incidents.recovery.operations.planning import planned
from deploy.awe.compose import ComposeStack
from deploy.awe.compose.building import image
from deploy.awe.compose.engine import ensure_engine
from deploy.awe.compose.stack import PROJECT_LABEL, SERVICE_LABEL
from diagnostics.probes.engine import DEPENDS_ON_LABEL
from diagnostics.stack import Engine, SecretResolver, Service, StackConfig
from tests.docker.actions.conftest import Trials

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG, NAME = "stack.reset", "before-the-reset"
ROWS = "SELECT md5(string_agg(w::text, '|' ORDER BY id)) FROM workflows w"
SYSTEM = "SELECT system_identifier FROM pg_control_system()"
OTHERS, SMALL = "another-shop", "awe-small-trial"
WAITING = ["python", "-c", "import time\ntime.sleep(600)"]


@pytest.fixture
def _cleared(lab: ComposeStack) -> Iterator[None]:
    _shell(lab, f"rm -f /backup/{NAME}.* /backup/.{NAME}.*")
    yield
    lab.wait_until_healthy()
    _shell(lab, f"rm -f /backup/{NAME}.* /backup/.{NAME}.*")


@pytest.fixture
def others(lab: ComposeStack) -> Iterator[list[Any]]:
    """Give what another project has on the same engine."""
    labels = {PROJECT_LABEL: OTHERS}
    volume = lab.engine.volumes.create(f"{OTHERS}_data", labels=labels)
    network = lab.engine.networks.create(f"{OTHERS}_net", labels=labels)
    container = lab.engine.containers.create(image("app"), ["true"], labels=labels, volumes=[f"{volume.name}:/data"])
    yield [volume, network, container]
    container.remove()
    network.remove()
    volume.remove()


@pytest.fixture
def small() -> Iterator[docker.DockerClient]:
    """Give an engine with a project of two containers, two networks and a volume."""
    with closing(docker.DockerClient(base_url=ensure_engine(), timeout=60)) as client:
        _clear(client)
        project = {PROJECT_LABEL: SMALL}
        client.volumes.create(f"{SMALL}_data", labels=project)
        pool = IPAMConfig(pool_configs=[IPAMPool(subnet="10.213.7.0/24")])
        client.networks.create(f"{SMALL}_back", labels=project, ipam=pool)
        edge = client.networks.create(f"{SMALL}_edge", labels=project)
        first: dict[str, Any] = {"volumes": [f"{SMALL}_data:/data"], "environment": {"K": "v=1"}, "init": True}
        second: dict[str, Any] = {"mem_limit": "64m", "restart_policy": {"Name": "unless-stopped"}}
        for service, options in (("first", first), ("second", second)):
            labels = {**project, SERVICE_LABEL: service}
            labels |= {DEPENDS_ON_LABEL: "first:service_started:false"} if service == "second" else {}
            client.containers.create(
                image("app"), WAITING, name=f"{SMALL}-{service}-1", labels=labels, network=f"{SMALL}_back", **options
            )
        edge.connect(f"{SMALL}-second-1", aliases=["shop"])
        for service in ("first", "second"):
            client.containers.get(f"{SMALL}-{service}-1").start()
        try:
            yield client
        finally:
            _clear(client)


def _clear(client: docker.DockerClient) -> None:
    own: dict[str, Any] = {"label": f"{PROJECT_LABEL}={SMALL}"}
    for container in client.containers.list(all=True, filters=own):
        container.remove(force=True, v=True)
    for network in client.networks.list(filters=own):
        network.remove()
    for volume in client.volumes.list(filters=own):
        volume.remove()


def _shell(lab: ComposeStack, script: str) -> str:
    return lab.exec(lab.settings.names.database, ["sh", "-c", script])


def backed_up(trials: Trials, *, hours_ago: float = 0) -> Verified:
    """Make a backup, and let it be known as the service knows what succeeded."""
    verified = trials.plan("database.backup", database="application", name=NAME).run()
    assert verified.is_good
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    past = Past(7, {"database": "application", "name": NAME}, at, verified.after)
    trials.site.past = lambda slug: [past] if slug == "database.backup" else []
    return verified


def ids(lab: ComposeStack) -> dict[str, str]:
    return {name: str(lab.container(name).id) for name in asdict(lab.settings.names).values()}


def add_workflow(trials: Trials) -> None:
    trials.psql("INSERT INTO workflows (name) VALUES ('trial of the reset')")


@pytest.mark.usefixtures("_cleared")
def test_all_is_new_but_the_backups_and_what_is_others(lab: ComposeStack, trials: Trials, others: list[Any]) -> None:
    add_workflow(trials)
    rows = trials.psql(ROWS)
    backed_up(trials)
    guards = [lab.engine.containers.get(token) for trial in trials.made for token in trial.tokens]
    before, images = ids(lab), {name: lab.inspect(name)["Image"] for name in ids(lab)}
    system = trials.psql(SYSTEM)

    trial = trials.plan(SLUG)
    plan = trial.action.plan(trial.acting)
    assert trial.acting.facts["volumes"] == [f"{lab.settings.project}_db_data"]
    assert any("backups stays as it is" in warning for warning in plan.warnings)
    assert f"/backup/{NAME}.sql" in plan.way_back
    assert trial.probe() == Probed.CANNOT_TELL
    verified = trial.run()
    assert verified.is_good, verified.text
    assert trial.probe() == Probed.FINISHED_WELL
    lab.wait_until_healthy()

    assert not set(ids(lab).values()) & set(before.values())
    assert {name: lab.inspect(name)["Image"] for name in before} == images
    assert trials.psql(SYSTEM) != system
    assert trials.psql("SELECT count(*) FROM workflows WHERE name = 'trial of the reset'") == ["0"]
    assert _shell(lab, f"cd /backup && sha256sum -c {NAME}.sql.sha256") == f"{NAME}.sql: OK\n"
    assert lab.client().get("/workflows", token=lab.token()).status == 200
    for one in (*others, *guards):
        one.reload()
    same = ids(lab)
    lab.compose("up", "-d")
    assert ids(lab) == same

    with pytest.raises(AlreadyDone):
        trial.run_steps()
    assert ids(lab) == same
    with pytest.raises(ActionNotApplicable, match="is younger than its backup"):
        trials.plan(SLUG)

    restored = trials.plan("database.restore", database="application", file=f"{NAME}.sql").run()
    assert restored.is_good, restored.text
    assert trials.psql(ROWS) == rows
    (old,) = trials.psql("SELECT datname FROM pg_database WHERE datname LIKE 'ai_workflow_engine_old%'")
    _shell(lab, f"dropdb -U postgres {old}")
    trials.psql("DELETE FROM workflows WHERE name = 'trial of the reset'")


@pytest.mark.usefixtures("_cleared")
def test_a_worker_lost_half_way_is_seen_and_compose_makes_the_rest(lab: ComposeStack, trials: Trials) -> None:
    backed_up(trials)
    trial = trials.plan(SLUG)
    command = trial.acting.facts["by_hand"]
    assert (str(lab.root) in command, "up -d" in command) == (True, True)

    def lose_with_its_volumes() -> None:
        if any(line.startswith("removed volume") for line in trial.said):
            raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        trial.run_steps(check=lose_with_its_volumes)
    try:
        assert trial.probe() == Probed.FINISHED_BADLY
    finally:
        lab.compose("up", "-d")
        lab.wait_until_healthy()


@pytest.mark.usefixtures("_cleared")
def test_nothing_is_reset_without_a_fresh_backup_that_is_still_the_same(lab: ComposeStack, trials: Trials) -> None:
    with pytest.raises(ActionNotApplicable, match="no backup of application succeeded"):
        trials.plan(SLUG)
    backed_up(trials, hours_ago=7)
    with pytest.raises(ActionNotApplicable, match="in the last 6 h"):
        trials.plan(SLUG)
    _shell(lab, f"rm /backup/{NAME}.*")
    backed_up(trials)
    trial = trials.plan(SLUG)
    assert list(trial.action.prechecks(trial.acting)) == []
    _shell(lab, f"echo >>/backup/{NAME}.sql")
    assert "is not the backup that execution 7 verified" in next(iter(trial.action.prechecks(trial.acting)))


@pytest.mark.usefixtures("_cleared")
def test_a_volume_that_somebody_else_has_is_refused(lab: ComposeStack, trials: Trials) -> None:
    backed_up(trials)
    trial = trials.plan(SLUG)
    foreign = lab.engine.containers.create(
        image("app"), ["true"], labels={PROJECT_LABEL: OTHERS}, volumes=[f"{lab.settings.project}_db_data:/data"]
    )
    try:
        assert "of somebody else" in next(iter(trial.action.prechecks(trial.acting)))
    finally:
        foreign.remove()


def test_what_is_made_again_is_as_it_was(small: docker.DockerClient, tmp_path: Path) -> None:
    names = ("first", "second")
    before = {name: small.containers.get(f"{SMALL}-{name}-1") for name in names}
    before["first"].exec_run(["sh", "-c", "echo precious >/data/file"])
    services = {name: Service(name=name, role="other") for name in names}
    engine = Engine(url=ensure_engine(), project=SMALL)
    described = StackConfig(
        name="small", environment="Staging", vantage="container", root=tmp_path, engine=engine, services=services
    )
    with closing(Site(described, SecretResolver(tmp_path))) as site:
        acting = planned(site, slug=SLUG, document={"grace_seconds": 0}).acting
        (step,) = action(SLUG).steps(acting)
        token, said = f"awe-trial-{secrets.token_hex(6)}", list[str]()
        try:
            step.run(Doing(token=token, say=said.append, check=lambda: None))
            verified = action(SLUG).verify(acting)
            assert verified.is_good, verified.text
            assert action(SLUG).probe(acting) == Probed.FINISHED_WELL
            with pytest.raises(AlreadyDone):
                step.run(Doing(token=token, say=said.append, check=lambda: None))
        finally:
            small.containers.get(token).remove()
    after = {name: small.containers.get(f"{SMALL}-{name}-1") for name in names}
    for name in names:
        old, new = before[name].attrs, after[name].attrs
        assert new["Id"] != old["Id"]
        assert new["HostConfig"] == old["HostConfig"]
        assert {**new["Config"], "Hostname": ""} == {**old["Config"], "Hostname": ""}
    networks = after["second"].attrs["NetworkSettings"]["Networks"]
    assert "shop" in networks[f"{SMALL}_edge"]["Aliases"]
    assert networks[f"{SMALL}_back"]["IPAddress"].startswith("10.213.7.")
    assert after["first"].exec_run(["ls", "/data"]).output == b""
    starts = [line for line in said if line.startswith("started")]
    assert starts == [f"started {SMALL}-first-1", f"started {SMALL}-second-1"]
