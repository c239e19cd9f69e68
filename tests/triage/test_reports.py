"""Bug reports at the desk: what they say, what they lack, what was removed."""

from __future__ import annotations

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import BugReport, Incident
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


def test_an_operator_moves_a_report(stack: Stack, operator: User, reporter: User) -> None:
    (report, _), (other, _) = file(stack, reporter), file(stack, reporter, actual_behavior="queues overflow")
    client, page = signed_in(operator), address(report, part="move")
    assert f'href="{page}"' in client.get(address(report)).content.decode()
    form = {"version": 1, "because": "the queue it is"}
    assert "There is no incident 999." in client.post(page, form | {"incident": 999}).content.decode()
    assert "is required" in client.post(page, {"version": 1, "incident": other.incident_id}).content.decode()
    assert client.post(page, form | {"incident": other.incident_id}).status_code == 302
    report.refresh_from_db()
    assert report.incident_id == other.incident_id
    stale = client.post(page, form | {"incident": ""})
    assert (stale.status_code, b"at version 2, not 1" in stale.content) == (409, True)
    assert client.post(page, form | {"incident": "", "version": 2}).status_code == 302
    report.refresh_from_db()
    assert report.incident.title.startswith("502 ")


def test_a_reporter_is_offered_no_move(stack: Stack, reporter: User) -> None:
    report, _ = file(stack, reporter)
    client, page = signed_in(reporter), address(report, part="move")
    assert page not in client.get(address(report)).content.decode()
    assert client.post(page, {"version": 1, "because": "so", "incident": ""}).status_code == 403


def test_of_a_shared_incident_reporters_see_neither_words_nor_names_of_each_other(
    stack: Stack, reporter: User, other_reporter: User, operator: User
) -> None:
    first, _ = file(stack, reporter, actual_behavior="Zaunkoenig certificate expired")
    second, run = file(stack, other_reporter, actual_behavior="certificate expired, Amsel", new_incident=False)
    assert second.incident_id == first.incident_id
    pages = {}
    for person in (reporter, other_reporter, operator):
        client = signed_in(person)
        addresses = ["/admin/", list_address(Incident), list_address(BugReport), address(first.incident), address(run)]
        pages[person] = "".join(client.get(page).content.decode() for page in addresses)
        pages[person] += client.get(address(first.incident, part="live")).content.decode()
        pages[person] = pages[person].replace(f"the-{person.username}", "")
    assert "Zaunkoenig" in pages[reporter]
    assert "Amsel" not in pages[reporter]
    assert "other-reporter" not in pages[reporter]
    assert "Amsel" in pages[other_reporter]
    assert "Zaunkoenig" not in pages[other_reporter]
    assert f"#{first.incident_id} Incident {first.incident_id}" in pages[other_reporter]
    assert "user:reporter" not in pages[other_reporter]
    assert "user:somebody" in pages[other_reporter]
    assert {"Zaunkoenig", "Amsel"} <= {word for word in ("Zaunkoenig", "Amsel") if word in pages[operator]}
