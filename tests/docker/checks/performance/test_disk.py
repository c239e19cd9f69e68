from __future__ import annotations

import pytest

from deploy.awe.compose import ComposeStack
from diagnostics.checks.result import State
from diagnostics.stack import read_stack
from tests.diagnostics.looks import codes, found, look
from tests.docker.checks.breaking import broken

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_the_disks_of_containers_have_room(lab: ComposeStack) -> None:
    result = look("performance.disk", read_stack(lab.description))
    assert codes(result) == {"disk.room"}
    assert any(one.target == "store:/" or one.target.startswith("store:/") for one in result.findings)


def test_a_full_volume_is_found_by_the_service_that_writes_to_it(lab: ComposeStack) -> None:
    with broken(lab, "db-disk-full") as config:
        result = look("performance.disk", config)
    finding = found(result, "disk.bytes")
    assert (finding.state, finding.target) == (State.FAIL, "store:/var/lib/postgresql/data")
    assert finding.citations
