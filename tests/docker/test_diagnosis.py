"""From a fault of a deployment with other names than the usual ones to the cause that a person reads first."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from deploy.awe.compose import ComposeStack
from deploy.awe.compose.stack import wait_for
from diagnostics.checks.registry import all_checks
from tests.docker.checks.breaking import broken
from tests.faults.doing import refusal_of, restart
from tests.faults.fault import all_faults

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

FAULTS = (
    "db-down",
    "worker-paused",
    "network-partition",
    "dns-unresolvable",
    "db-lock-long-transaction",
    "db-disk-full",
    "proxy-config-invalid",
    "jwt-secret-mismatch",
    "ca-near-expiry",
)


NOT_APPLICABLE = {
    "agents.model_provider": "the application asks none (tests/docker/checks/agents has one of its own for it)",
    "auth.oauth_provider": "the application signs its tokens itself",
    "network.published_ports": "of processes; ports of containers are the matter of startup.port_conflict",
}

OF_THE_MACHINE = {"performance.host", "performance.disk"}


def diagnosed(lab: ComposeStack) -> dict[str, Any]:
    looking = [sys.executable, "-m", "diagnostics", str(lab.description), "--json"]
    done = subprocess.run(looking, capture_output=True, text=True, timeout=120, check=False)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_a_healthy_deployment_has_no_cause(lab: ComposeStack) -> None:
    report = diagnosed(lab)
    assert (report["verdict"], report["causes"]) == ("healthy", [])


def test_every_check_looks_at_a_healthy_deployment_and_none_complains(lab: ComposeStack) -> None:
    lab.compose("down", "--remove-orphans", "-v")  # refused logins of earlier tests would be told of, and rightly
    lab.up()
    results = {one["check"]: one for one in diagnosed(lab)["results"]}
    assert results.keys() == all_checks().keys()
    complaining = {slug: one["code"] for slug, one in results.items() if one["state"] not in {"pass", "skip"}}
    # Of the machine that the tests run on, which may be busy with others; of the deployment nothing complains.
    assert {slug for slug in complaining if slug not in OF_THE_MACHINE} == set(), complaining
    without_a_pass = {slug: one["findings"] for slug, one in results.items() if "pass" not in _states(one)}
    assert without_a_pass.keys() == NOT_APPLICABLE.keys()
    assert {one["code"] for findings in without_a_pass.values() for one in findings} == {"not_applicable"}


def _states(result: Mapping[str, Any]) -> set[str]:
    return {one["state"] for one in result["findings"]}


@pytest.mark.parametrize("slug", FAULTS)
def test_the_cause_of_a_fault_comes_first_and_cites_what_was_seen(lab: ComposeStack, slug: str) -> None:
    with broken(lab, slug):
        report = diagnosed(lab)
    assert [cause["code"] for cause in report["causes"][:1]] == [
        one for one in all_faults()[slug].causes if one == report["causes"][0]["code"]
    ]
    kept = {(one["check"], piece["key"]) for one in report["results"] for piece in one["evidence"]}
    for cause in report["causes"]:
        assert cause["evidence"]
        assert {(span["check"], span["evidence"]) for span in cause["evidence"]} <= kept


def test_a_proxy_that_passes_requests_to_a_wrong_port_is_told_with_the_way_that_is_closed(lab: ComposeStack) -> None:
    names = lab.settings.names
    for path in (lab.root / "config" / "caddy").iterdir():
        path.write_text(path.read_text().replace(f"{names.api}:8000", f"{names.api}:8001"))
    try:
        restart(lab, names.caddy)
        assert wait_for(lambda: not refusal_of(lab).startswith("GET /health: Conn"), seconds=20)
        report = diagnosed(lab)
    finally:
        lab.write_configuration()
        restart(lab, names.caddy)
        lab.wait_until_healthy()
    assert [(one["code"], one["subject"]) for one in report["causes"]] == [("upstream_down", names.caddy)]
    assert "network.proxy_routing" in {span["check"] for span in report["causes"][0]["evidence"]}
    routing = next(one for one in report["results"] if one["check"] == "network.proxy_routing")
    assert [one["state"] for one in routing["findings"] if one["code"] == "proxy.upstream_refused"] == ["warn"]
