"""Every role on every list, page and step."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.operations import create_user
from awe_incidents.accounts.roles import Role
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import Incident, TimelineEntry
from awe_incidents.triage.facts import address, list_address
from diagnostics.models import CheckResult, Evidence, Run, Stack
from tests.conftest import SETUP
from tests.triage.world import SCRIPT, carry_out, file, incident_page, lists, signed_in

PEOPLE = {"accounts.user", "accounts.apitoken"}
EVERYBODYS = {
    "incidents.incident",
    "incidents.attachment",
    "incidents.bugreport",
    "incidents.reportrevision",
    "diagnostics.run",
    "diagnostics.checkresult",
    "diagnostics.evidence",
}
RECOVERY = {
    "recovery.recoveryrequest",
    "recovery.manualaction",
    "recovery.freeze",
    "recovery.maintenancewindow",
    "reconciliation.alarm",
}
SEERS = EVERYBODYS | {"incidents.timelineentry", "diagnostics.stack"} | RECOVERY
TRAIL = {"audit.entry"}
MATRIX: dict[str, tuple[tuple[Role, ...], bool, set[str]]] = {
    "operator": ((Role.OPERATOR,), False, SEERS),
    "approver": ((Role.APPROVER,), False, SEERS),
    "responder": ((Role.RESPONDER,), False, SEERS),
    "auditor": ((Role.AUDITOR,), False, SEERS | TRAIL),
    "reporter": ((Role.REPORTER,), False, EVERYBODYS),
    "nobody": ((), False, set()),
    "superuser without role": ((), True, PEOPLE),
    "superuser and auditor": ((Role.AUDITOR,), True, SEERS | TRAIL | PEOPLE),
}


@pytest.fixture
def person(db: None) -> Callable[[str], User]:
    def make(name: str) -> User:
        roles, is_superuser, _ = MATRIX[name]
        user = create_user(
            username=f"the-{name.replace(' ', '-')}", roles=roles, password=None, by=SETUP, at=timezone.now()
        )
        User.objects.filter(pk=user.pk).update(is_superuser=is_superuser)
        user.refresh_from_db()
        return user

    return make


@pytest.mark.parametrize("name", MATRIX)
def test_lists_open_by_role_alone(person: Callable[[str], User], incident: Incident, name: str) -> None:
    client = signed_in(person(name))
    for path in lists():
        app, model = path.strip("/").split("/")[1:]
        expected = 200 if f"{app}.{model}" in MATRIX[name][2] else 403
        assert client.get(path).status_code == expected, path


@pytest.mark.parametrize("name", MATRIX)
def test_the_sidebar_offers_exactly_what_opens(person: Callable[[str], User], name: str) -> None:
    page = signed_in(person(name)).get("/admin/").content.decode()
    for path in lists():
        app, model = path.strip("/").split("/")[1:]
        assert (f'href="{path}"' in page) == (f"{app}.{model}" in MATRIX[name][2]), path


@pytest.mark.parametrize("name", MATRIX)
def test_pages_open_to_whom_their_lists_do_and_reporters_see_own_rows_only(
    person: Callable[[str], User], incident: Incident, reporter: User, name: str
) -> None:
    sees_all = MATRIX[name][2] >= SEERS
    run = Run.objects.get()
    result = CheckResult.objects.filter(run=run).first()
    things = [incident, incident.reports.get(), run, result, Evidence.objects.first()]
    client = signed_in(person(name))
    for thing in things:
        assert thing is not None
        expected = 200 if sees_all else 404 if name == "reporter" else 403
        assert client.get(address(thing)).status_code == expected, thing


def test_a_reporter_opens_every_page_of_the_own_incident(incident: Incident, reporter: User) -> None:
    client, run = signed_in(reporter), Run.objects.get()
    evidence = Evidence.objects.select_related("result").first()
    assert evidence is not None
    for thing in (incident, incident.reports.get(), run, evidence.result, evidence):
        assert client.get(address(thing)).status_code == 200, thing
    assert client.get(address(evidence, part="text")).status_code == 200


def test_a_reporter_reads_nothing_of_other_reporters(
    incident: Incident, stack: Stack, reporter: User, other_reporter: User
) -> None:
    theirs, run = file(stack, other_reporter, actual_behavior="secret plans of another team")
    carry_out(run)
    client = signed_in(reporter)
    evidence = Evidence.objects.filter(result__run=run).first()
    assert evidence is not None
    for path in (
        address(theirs.incident),
        incident_page(theirs.incident, "live"),
        address(theirs),
        address(run),
        address(run, part="live"),
        address(evidence.result),
        address(evidence),
        address(evidence, part="text"),
    ):
        assert client.get(path).status_code == 404, path
    for path in ("/admin/", list_address(Incident), f"{list_address(Incident)}?q=plans"):
        assert "secret plans" not in client.get(path).content.decode()
    assert str(theirs.pk) not in [row.pk for row in client.get(list_address(type(theirs))).context["cl"].result_list]


def test_an_incidents_page_tells_a_reporter_nothing_of_reports_that_joined_it(
    incident: Incident, stack: Stack, reporter: User, other_reporter: User
) -> None:
    theirs, _ = file(stack, other_reporter, actual_behavior="secret plans of another team")
    type(theirs).objects.filter(pk=theirs.pk).update(incident_id=incident.pk)
    TimelineEntry.objects.create(
        incident=incident,
        kind="report_filed",
        text="another report joined",
        actor="user:other-reporter",
        data={"report": theirs.pk},
        occurred_at=timezone.now(),
    )
    client = signed_in(reporter)
    page = client.get(address(incident)).content.decode()
    assert "secret plans" not in page
    assert "another report joined" not in page
    assert "another report joined" not in client.get(incident_page(incident, "live")).content.decode()
    assert client.get(list_address(Incident)).context["cl"].result_list[0].report_count == 1


@pytest.mark.parametrize("name", [name for name in MATRIX if name != "operator"])
@pytest.mark.parametrize("part", ["acknowledge", "resolve", "reopen", "close", "classify", "run", "recheck"])
def test_only_operators_change_incidents(
    person: Callable[[str], User], incident: Incident, name: str, part: str
) -> None:
    client = signed_in(person(name))
    before = Entry.objects.count()
    fields = {"version": str(incident.version), "because": "I may not", "suite": "ssl"}
    for method in (client.get, client.post):
        assert method(incident_page(incident, part), fields).status_code in (403, 404)
    assert Entry.objects.count() == before


@pytest.mark.parametrize("name", [name for name, (_, _, seen) in MATRIX.items() if seen >= SEERS])
def test_steps_are_offered_to_those_who_may_take_them(
    person: Callable[[str], User], incident: Incident, name: str
) -> None:
    page = signed_in(person(name)).get(address(incident)).content.decode()
    assert (incident_page(incident, "acknowledge") in page) == (name == "operator")
    assert incident_page(incident, "reopen") not in page  # it is open


def test_people_and_tokens_are_the_administrators_alone(
    operator: User, administrator: User, incident: Incident
) -> None:
    for path in (address(operator), address(operator, part="issue-token"), address(operator, part="roles")):
        assert signed_in(operator).get(path).status_code == 403
        assert signed_in(administrator).get(path).status_code == 200
    assert signed_in(administrator).get(address(incident)).status_code == 403


def test_an_inactive_person_sees_nothing(operator: User, incident: Incident) -> None:
    client = signed_in(operator)
    User.objects.filter(pk=operator.pk).update(is_active=False)
    assert client.get(address(incident)).status_code == 302


def test_nothing_of_a_stranger_is_markup_on_any_list_or_page(incident: Incident, operator: User, auditor: User) -> None:
    client, run = signed_in(auditor), Run.objects.get()
    rows = CheckResult.objects.filter(run=run)
    evidence = Evidence.objects.filter(result__in=rows).first()
    assert evidence is not None
    things = [incident, incident.reports.get(), run, rows[0], evidence, incident.timeline.all()[0], incident.stack]
    pages = [address(thing) for thing in [*things, *Entry.objects.all()]]
    pages += ["/admin/", f"{list_address(Entry)}?incident={incident.pk}", *lists()]
    told = [(path, client.get(path)) for path in pages]
    told.append(("resolve", signed_in(operator).get(incident_page(incident, "resolve"))))
    for path, answer in told:
        page = answer.content.decode()
        assert "alert('of a stranger')" not in page, path
        assert SCRIPT not in page, path
    shown = client.get(address(incident)).content.decode()
    assert shown.count("&lt;script&gt;alert(&#x27;of a stranger&#x27;)&lt;/script&gt;") > 5
