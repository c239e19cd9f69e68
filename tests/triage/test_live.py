"""The polled part: 304 until something has changed."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import Incident
from awe_incidents.triage.facts import address
from diagnostics.checks.result import State
from diagnostics.models import Run, Stack
from tests.triage.conftest import FAILING
from tests.triage.world import Answer, answer_one, begin, carry_out, file, incident_page, signed_in


@pytest.fixture
def going(stack: Stack, reporter: User) -> tuple[Incident, Run]:
    report, run = file(stack, reporter)
    return report.incident, run


def test_every_answer_of_a_check_changes_the_tag_and_nothing_else_does(
    going: tuple[Incident, Run], operator: User
) -> None:
    incident, run = going
    client, path = signed_in(operator), incident_page(incident, "live")
    tags = [client.get(path)["ETag"]]
    begin(run)
    tags.append(client.get(path)["ETag"])
    while answer_one(run, {}):
        tags.append(client.get(path)["ETag"])
        assert client.get(path, headers={"If-None-Match": tags[-1]}).status_code == 304
    assert len(set(tags)) == len(tags)


def test_the_page_starts_with_the_tag_that_the_part_has(going: tuple[Incident, Run], operator: User) -> None:
    client = signed_in(operator)
    for thing in going:
        tag = client.get(address(thing)).context["live_tag"]
        assert client.get(address(thing, part="live"), headers={"If-None-Match": tag}).status_code == 304


def test_the_script_is_told_to_stop_when_all_runs_are_finished(going: tuple[Incident, Run], operator: User) -> None:
    run = going[1]
    client = signed_in(operator)
    for thing in going:
        assert client.get(address(thing, part="live"))["X-Live"] == "going"
    carry_out(run)
    for thing in going:
        answer = client.get(address(thing, part="live"))
        assert answer["X-Live"] == "finished"
        again = client.get(address(thing, part="live"), headers={"If-None-Match": answer["ETag"]})
        assert (again.status_code, again["X-Live"]) == (304, "finished")


def test_a_step_of_the_incident_changes_the_tag(incident: Incident, operator: User) -> None:
    client, path = signed_in(operator), incident_page(incident, "live")
    before = client.get(path)["ETag"]
    client.post(incident_page(incident, "acknowledge"), {"version": incident.version})
    assert client.get(path)["ETag"] != before


def test_what_a_run_suggests_comes_without_reloading(going: tuple[Incident, Run], operator: User) -> None:
    incident, run = going
    client, path = signed_in(operator), incident_page(incident, "live")
    assert "not set" in client.get(path).content.decode()
    carry_out(run, {FAILING: Answer(State.FAIL, "port.taken")})
    part = client.get(path)
    assert "set by the service" in part.content.decode()
    assert "csrfmiddlewaretoken" in part.content.decode()
    Incident.objects.filter(pk=incident.pk).update(category_source="person")
    assert client.get(path)["ETag"] != part["ETag"]


def test_two_people_never_share_a_tag(incident: Incident, operator: User, reporter: User) -> None:
    path = incident_page(incident, "live")
    assert signed_in(operator).get(path)["ETag"] != signed_in(reporter).get(path)["ETag"]


def test_asking_for_nothing_new_is_cheap(
    incident: Incident, operator: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client, path = signed_in(operator), incident_page(incident, "live")
    tag = client.get(path)["ETag"]
    with django_assert_max_num_queries(9):
        assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
