"""Networks of a real deployment: cut off, without a name, under a route of the host's, and with other packet sizes."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.models.networks import Network

from deploy.awe.compose import ComposeStack
from diagnostics.checks.memberships import Network as Described
from diagnostics.checks.memberships import off_network_key
from diagnostics.checks.result import State
from diagnostics.stack import ModelProvider, Service, read_stack
from tests.diagnostics.checks.matrix import HANGING, HEALTHY, fault, shows
from tests.diagnostics.looks import codes, found, look
from tests.docker.checks.breaking import broken, without_engine

pytestmark = [
    pytest.mark.docker,
    # docker-py leaves the sockets of streams to the collector; the processes that look live for seconds only.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SLUG = "network.networks"


def backend(lab: ComposeStack) -> Network:
    return lab.engine.networks.get(name_of_backend(lab))


def name_of_backend(lab: ComposeStack) -> str:
    return f"{lab.settings.project}_backend"


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def reconnected(lab: ComposeStack, service: str) -> Iterator[None]:
    """Take a service out of its network and put it back without its name, as people do by hand."""
    container = lab.container(service)
    try:
        backend(lab).disconnect(container)
        backend(lab).connect(container)
        yield
    finally:
        backend(lab).disconnect(container)
        backend(lab).connect(container, aliases=[service])
        lab.wait_until_healthy()


@contextlib.contextmanager
def routed(subnet: str) -> Iterator[None]:
    """Have this machine, which is the engine's host, route addresses elsewhere, as a VPN does."""
    run("ip", "route", "add", subnet, "dev", "lo")
    try:
        yield
    finally:
        run("ip", "route", "del", subnet, "dev", "lo")


@contextlib.contextmanager
def packets_of(lab: ComposeStack, service: str, size: int) -> Iterator[None]:
    """Give the interfaces of a container another MTU."""
    inside = ("nsenter", "-t", str(lab.inspect(service)["State"]["Pid"]), "-n", "ip")
    names = [line.split(": ")[1].partition("@")[0] for line in run(*inside, "-o", "link").splitlines()]
    devices = [name for name in names if name.startswith("eth")]
    for device in devices:
        run(*inside, "link", "set", "dev", device, "mtu", str(size))
    try:
        yield
    finally:
        for device in devices:
            run(*inside, "link", "set", "dev", device, "mtu", "1500")


def test_healthy(lab: ComposeStack) -> None:
    result = look(SLUG, read_stack(lab.description))
    shows(HEALTHY, result)
    assert codes(result) == {"networks.shared"}
    assert found(result, "networks.shared").measured["sees_routes"].value is True
    assert any(f"runner in {name_of_backend(lab)}: 1500 bytes" in one.content for one in result.evidence)


def test_an_engine_that_never_answers_costs_its_deadline_only(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = without_engine(tmp_path, f"tcp://127.0.0.1:{silent.getsockname()[1]}")
        till = Service(name="till", role="api", depends_on=("ledger",))
        services = {"till": till, "ledger": Service(name="ledger", role="database")}
        result = look(SLUG, dataclasses.replace(config, services=services))
    shows(HANGING, result)
    assert (result.state, result.leading.code) == (State.ERROR, "engine.timeout")
    assert result.duration_ms < 9_000


def test_a_service_that_is_cut_off_is_named(lab: ComposeStack) -> None:
    with broken(lab, "network-partition") as config:
        result = look(SLUG, config)
        told = look(
            SLUG, config, handed={off_network_key("store"): "it is in no network of pool, as network.dns tells"}
        )
    finding = found(result, "networks.none_shared")
    assert (finding.state, finding.target) == (State.FAIL, "store")
    assert f"pool is in {name_of_backend(lab)}" in finding.message
    assert finding.citations
    assert found(told, "networks.none_shared").state is State.WARN
    shows(fault("a service is taken out of its network"), result)


def test_a_caller_that_is_cut_off_from_all_that_it_needs_is_the_one_that_is_named(lab: ComposeStack) -> None:
    runner = lab.container("runner")
    backend(lab).disconnect(runner)
    try:
        result = look(SLUG, read_stack(lab.description))
    finally:
        backend(lab).connect(runner, aliases=["runner"])
        lab.wait_until_healthy()
    finding = found(result, "networks.none_shared")
    assert (finding.state, finding.target) == (State.FAIL, "runner")
    assert finding.measured["cut_connections"].value == 2


def test_a_service_that_lost_its_name_is_told(lab: ComposeStack) -> None:
    with reconnected(lab, "broker"):
        result = look(SLUG, read_stack(lab.description))
    finding = found(result, "networks.alias_missing")
    assert (finding.state, finding.target) == (State.WARN, "broker")
    assert finding.message.endswith("gateway, runner")
    shows(fault("a service is put back without its name"), result)


@pytest.mark.as_root
def test_a_route_of_the_host_across_a_network_is_told(lab: ComposeStack) -> None:
    network = backend(lab)
    network.reload()
    (subnet,) = Described.of(network.attrs).subnets
    *_, last = subnet.subnets(new_prefix=28)
    with routed(str(last)):
        result = look(SLUG, read_stack(lab.description))
    finding = found(result, "networks.subnet_overlaps")
    assert (finding.state, finding.target) == (State.WARN, name_of_backend(lab))
    assert f"route {last} dev lo" in finding.message
    shows(fault("a route of the host lies across a network"), result)


@pytest.mark.as_root
def test_interfaces_that_take_other_packets_are_told(lab: ComposeStack) -> None:
    with packets_of(lab, "broker", 1300):
        result = look(SLUG, read_stack(lab.description))
    finding = found(result, "networks.mtu_differs")
    assert (finding.state, finding.target) == (State.WARN, name_of_backend(lab))
    assert (finding.measured["smallest"].value, finding.measured["largest"].value) == (1300, 1500)
    assert "broker 1300" in finding.message
    shows(fault("an interface takes smaller packets than the others"), result)


@pytest.mark.as_root
def test_who_speaks_to_the_outside_must_not_send_more_than_the_way_out_takes(lab: ComposeStack) -> None:
    oracle = ModelProvider(name="oracle", service="runner", url="https://models.example.org/v1")
    config = dataclasses.replace(read_stack(lab.description), model_providers={"oracle": oracle})
    with packets_of(lab, "runner", 9000):
        result = look(SLUG, config)
    assert "runner" in {one.target for one in result.findings if one.code == "networks.mtu_differs"}
