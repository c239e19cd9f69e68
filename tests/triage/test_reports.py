"""Bug reports at the desk: what they say, what they lack, what was removed."""

from __future__ import annotations

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import BugReport
from awe_incidents.triage.facts import address, list_address
from diagnostics.models import Stack
from tests.triage.world import file, signed_in


def test_a_report_shows_what_it_lacks(stack: Stack, operator: User) -> None:
    report, _ = file(stack, operator, docker_compose_version="latest", container_logs="")
    page = signed_in(operator).get(address(report)).content.decode()
    assert "Container Logs: The section is empty. Fill it in." in page
    assert "<code>no_version</code></td><td>5</td>" in page
    assert "<code>not_the_stacks</code></td><td>a note</td>" in page
    assert f"{report.completeness} of 100" in page


def test_lists_and_incidents_show_how_complete_reports_are(stack: Stack, operator: User) -> None:
    report, _ = file(stack, operator)
    client = signed_in(operator)
    shown = f"{report.completeness} of 100"
    assert shown in client.get(list_address(BugReport)).content.decode()
    assert f"{shown} complete" in client.get(address(report.incident)).content.decode()
