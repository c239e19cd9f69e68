"""Bug reports at the desk: what they say and said, what they lack, what was removed and what was added."""

from __future__ import annotations

from pathlib import Path

from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import BugReport, Incident, ReportRevision
from awe_incidents.incidents.operations import prefill_report, revise_bug_report
from awe_incidents.triage.facts import address, list_address
from diagnostics.models import Stack
from diagnostics.operations import apply_stack
from diagnostics.stack import parse_toml
from tests.conftest import PLAIN_STACK, SETUP
from tests.triage.world import actor, file, signed_in


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


def test_a_report_shows_its_revisions_and_what_was_filed(stack: Stack, operator: User, reporter: User) -> None:
    report, _ = file(stack, reporter, actual_behavior="502 for everybody")
    revise(report, reporter, actual_behavior="504 for everybody", because="misread")
    client = signed_in(operator)
    page = client.get(address(report)).content.decode()
    assert "504 for everybody" in page
    assert "502 for everybody" not in page
    assert "misread" in page
    filed = address(report, part="filed")
    (revision,) = ReportRevision.objects.all()
    assert f'href="{filed}"' in page
    assert f'href="{address(revision)}"' in page
    assert "502 for everybody" in client.get(filed).content.decode()
    assert "misread" in client.get(address(revision)).content.decode()
    assert "Report 20" in client.get(list_address(ReportRevision)).content.decode()


def test_what_was_filed_is_for_its_reporter_and_who_sees_everything(
    stack: Stack, reporter: User, other_reporter: User
) -> None:
    report, _ = file(stack, reporter)
    revise(report, reporter, actual_behavior="504 for everybody")
    for page in (address(report, part="filed"), address(ReportRevision.objects.get())):
        assert signed_in(reporter).get(page).status_code == 200
        assert signed_in(other_reporter).get(page).status_code == 404


def test_what_the_service_added_stands_beside_and_is_marked(stack: Stack, operator: User) -> None:
    report, _ = file(stack, operator, environment="")
    client = signed_in(operator)
    assert "Added by the service: it is being collected" in client.get(address(report)).content.decode()
    prefill_report(report_id=report.pk)
    page = client.get(address(report)).content.decode()
    assert "Nobody named it: this is what the stack" in page
    assert "Added by the service: the stack&#x27;s description, captured at" in page
    assert "could not be had: no service of the stack" in page


def test_a_report_links_to_a_new_issue_where_the_stack_names_a_repository(
    stack: Stack, operator: User, tmp_path: Path
) -> None:
    report, _ = file(stack, operator)
    client = signed_in(operator)
    assert "open a new issue" not in client.get(address(report)).content.decode()
    text = f'{PLAIN_STACK}\n[issue_tracker]\ngithub = "example/awe"\n'
    apply_stack(config=parse_toml(text, folder=tmp_path), by=SETUP, at=timezone.now())
    page = client.get(address(report)).content.decode()
    assert 'href="https://github.com/example/awe/issues/new?title=' in page


def revise(report: BugReport, user: User, *, because: str = "", **changes: str) -> BugReport:
    return revise_bug_report(
        report=report, changes=changes, user=user, by=actor(user), at=timezone.now(), because=because
    )
