"""How containers ended, and how many of a service are left, as only a made-up engine gives it; real: tests/docker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from diagnostics.checks.containers import down_key
from diagnostics.checks.result import Result, State
from diagnostics.diagnosis.diagnosis import Conclusion, Diagnosis, diagnose
from diagnostics.diagnosis.observed import Observed
from diagnostics.looking import LookRequest, take_look
from diagnostics.stack import Service, StackConfig
from tests.diagnostics.engines import Container, engine_of
from tests.diagnostics.looks import KEY, codes, found

SLUG = "startup.container_state"
LONG_AGO = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
SHOWN_TO_RUN = {"Healthcheck": {"Test": ["CMD", "true"]}}
WAITED_FOR = "store:service_healthy:false,job:service_completed_successfully:false"
WAITS = {"Labels": {"com.docker.compose.depends_on": WAITED_FOR}}


def container(status: str = "running", exit_code: int = 0, *, service: str = "", **more: Any) -> Container:
    policy, ports = more.pop("policy", "no"), more.pop("ports", {})
    return Container(
        status=status,
        state={"ExitCode": exit_code, "StartedAt": LONG_AGO, **more.pop("state", {})},
        limits={"RestartPolicy": {"Name": policy}, "PortBindings": ports},
        service=service,
        **more,
    )


def looked(
    containers: Mapping[str, Container], tmp_path: Path, *services: Service
) -> tuple[Result, Mapping[str, str], Diagnosis]:
    """Give what the check says, what it hands over, and what that means."""
    with engine_of(containers, tmp_path, services={one.name: one for one in services}) as config:
        look = take_look(LookRequest(slug=SLUG, stack=config, redaction_key=KEY))
    return look.result, look.handing, meaning(look.result, config)


def meaning(result: Result, config: StackConfig) -> Diagnosis:
    return diagnose(Observed.of_results([result], stack=config))


def roots(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    return [root.candidate.key for root in diagnosis.roots]


@pytest.mark.parametrize("policy", ["no", "on-failure", ""])
def test_a_job_that_ended_well_is_no_stopped_service(tmp_path: Path, policy: str) -> None:
    job = container("exited", policy=policy)
    result, handed, diagnosis = looked({"desk": container(), "job": job}, tmp_path, Service(name="desk", role="api"))
    assert result.state is State.PASS
    assert found(result, "container.completed").target == "job"
    assert handed == {}
    assert (roots(diagnosis), diagnosis.conclusion) == ([], Conclusion.HEALTHY)


def test_a_job_that_others_wait_for_is_one_whatever_its_image_brings(tmp_path: Path) -> None:
    there = {"desk": container(config=WAITS), "job": container("exited", config=SHOWN_TO_RUN)}
    assert codes(looked(there, tmp_path)[0]) == {"container.running", "container.completed"}


@pytest.mark.parametrize(
    "stopped",
    [
        container("exited", 1),
        container("exited", 137),
        container("exited", 143),
        container("exited", policy="unless-stopped"),
        container("exited", policy="always"),
        container("exited", ports={"5432/tcp": [{"HostPort": "5432"}]}),
        container("exited", config=SHOWN_TO_RUN),
        container("exited", state={"Error": "cannot start"}),
        container("exited", state={"OOMKilled": True}),
    ],
    ids=["failed", "killed", "ended", "unless-stopped", "always", "published", "health check", "error", "memory"],
)
def test_whatever_else_has_exited_is_down(tmp_path: Path, stopped: Container) -> None:
    result, handed, diagnosis = looked({"desk": container(), "job": stopped}, tmp_path)
    assert found(result, "container.exited").state is State.FAIL
    assert set(handed) == {down_key("job")}
    assert roots(diagnosis) == [("service_stopped", "job")]


@pytest.mark.parametrize("role", ["api", "worker", "proxy", "database", "pooler", "queue"])
def test_a_described_service_runs_on(tmp_path: Path, role: str) -> None:
    result, _, _ = looked({"job": container("exited")}, tmp_path, Service(name="job", role=role))
    assert codes(result) == {"container.exited"}


@pytest.mark.parametrize("status", ["exited", "dead", "created"])
def test_a_stopped_replica_beside_one_that_runs_is_a_cause_of_its_own(tmp_path: Path, status: str) -> None:
    replicas = {"desk-1": container(service="desk"), "desk-2": container(status, 1, service="desk")}
    result, handed, diagnosis = looked(replicas, tmp_path, Service(name="desk", role="api"))
    assert codes(result) == {"container.running", "container.replica_exited"}
    assert found(result, "container.replica_exited").state is State.FAIL
    assert handed == {}, "the service serves, and other checks look at it"
    assert roots(diagnosis) == [("replica_stopped", "desk")]
    assert diagnosis.ranking.refuted == ()


def test_a_service_is_down_with_its_last_replica(tmp_path: Path) -> None:
    replicas = {f"desk-{number}": container("exited", 1, service="desk") for number in (1, 2)}
    result, handed, diagnosis = looked(replicas, tmp_path, Service(name="desk", role="api"))
    assert codes(result) == {"container.exited"}
    assert set(handed) == {down_key("desk")}
    assert roots(diagnosis) == [("service_stopped", "desk")]
