"""From a fault of a deployment with other names than the usual ones to the cause that a person reads first."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from deploy.awe.compose import ComposeStack
from tests.docker.checks.breaking import broken
from tests.faults.fault import all_faults

pytestmark = pytest.mark.docker

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


def diagnosed(lab: ComposeStack) -> dict[str, Any]:
    looking = [sys.executable, "-m", "diagnostics", str(lab.description), "--json"]
    done = subprocess.run(looking, capture_output=True, text=True, timeout=120, check=False)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_a_healthy_deployment_has_no_cause(lab: ComposeStack) -> None:
    report = diagnosed(lab)
    assert (report["verdict"], report["causes"]) == ("healthy", [])


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
