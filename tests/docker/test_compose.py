"""The Docker form of the reference stack, with other names than the usual ones, beside whatever runs already."""

from __future__ import annotations

import pytest
import yaml

from deploy.awe.compose import ComposeSettings, ComposeStack, Names
from deploy.awe.compose.health import problems
from deploy.awe.compose.rendering import compose_files, proxy_files
from deploy.awe.process.errors import ApiUnreachable
from diagnostics.stack import read_stack
from tests.docker.conftest import RENAMED


def test_with_the_usual_names_the_compose_file_is_the_one_of_the_checkout() -> None:
    assert compose_files(ComposeSettings())["docker-compose-mtls.yml"].startswith("# AI Workflow Engine, mutual TLS")


def test_every_name_is_replaced_and_nothing_else() -> None:
    document = yaml.safe_load(compose_files(RENAMED)["docker-compose-mtls.yml"])
    assert set(document["services"]) == {"store", "pool", "broker", "gateway", "runner", "door"}
    gateway = document["services"]["gateway"]
    assert set(gateway["depends_on"]) == {"pool", "broker"}
    assert gateway["environment"]["DATABASE_URL"].endswith("@pool:6432/ai_workflow_engine")
    assert gateway["environment"]["REDIS_URL"] == "redis://broker:6379/0"
    assert gateway["environment"]["TOOL_BASE_URL"] == "http://gateway:8000/tools"
    assert document["services"]["pool"]["environment"]["DB_HOST"] == "store"
    assert document["services"]["door"]["ports"] == ["18443:8443"]
    assert "reverse_proxy gateway:8000" in proxy_files(RENAMED)["Caddyfile.mtls"]


@pytest.mark.docker
def test_it_is_healthy_and_a_job_goes_all_the_way(lab: ComposeStack) -> None:
    assert problems(lab) == []


@pytest.mark.docker
def test_the_door_is_shut_without_a_client_certificate(lab: ComposeStack) -> None:
    with pytest.raises(ApiUnreachable):
        lab.client(with_certificate=False).get("/health")


@pytest.mark.docker
def test_its_description_can_be_read(lab: ComposeStack) -> None:
    config = read_stack(lab.description)
    assert (config.vantage, set(config.services)) == ("container", set(vars_of(RENAMED.names)))


@pytest.mark.docker
def test_a_stopped_service_is_a_problem_and_starting_it_mends_it(lab: ComposeStack) -> None:
    lab.compose("stop", "broker")
    assert any("broker is exited" in one for one in problems(lab))
    lab.compose("start", "broker")
    lab.wait_until_healthy()


def vars_of(names: Names) -> list[str]:
    return [names.database, names.pgbouncer, names.redis, names.api, names.worker, names.caddy]
