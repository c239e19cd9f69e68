"""Steps: a form first, carried out on POST only, by the operation, with its entry in the trail."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.audit import trail
from awe_incidents.audit.models import Disclosure, Entry
from awe_incidents.incidents.models import Incident, TimelineEntry
from awe_incidents.incidents.operations import request_incident_run
from awe_incidents.triage.facts import address
from diagnostics.checks.result import State
from diagnostics.models import Run, Stack
from tests.triage.conftest import FAILING
from tests.triage.world import JWT, Answer, actor, carry_out, incident_page, signed_in

FORMS: dict[str, dict[str, Any]] = {
    "acknowledge": {"because": ""},
    "resolve": {"because": "certificate renewed", "despite_failed_checks": "nobody looked again"},
    "classify": {"severity": "high", "category": "ssl", "because": ""},
    "accept": {"because": "it is so"},
    "run": {"suite": "ssl"},
    "recheck": {},
}
VERBS = {
    "acknowledge": "incident:acknowledged",
    "resolve": "incident:resolved",
    "classify": "incident:classified",
    "accept": "incident:classified",
    "run": "run:requested",
    "recheck": "run:requested",
}


def post(client: Client, incident: Incident, part: str, **more: Any) -> Any:
    seen = {"version": incident.version, "run": incident.diagnosis.run_id}
    return client.post(incident_page(incident, part), seen | FORMS.get(part, {}) | more)


@pytest.mark.parametrize("part", FORMS)
def test_a_get_shows_a_form_and_changes_nothing(incident: Incident, operator: User, part: str) -> None:
    before = Entry.objects.count()
    answer = signed_in(operator).get(incident_page(incident, part))
    assert answer.status_code == 200
    assert b"csrfmiddlewaretoken" in answer.content
    assert Entry.objects.count() == before
    incident.refresh_from_db()
    assert (incident.state, incident.version, Run.objects.count()) == ("open", 1, 1)


@pytest.mark.parametrize("part", FORMS)
def test_a_post_carries_out_and_is_recorded_with_its_actor(incident: Incident, operator: User, part: str) -> None:
    answer = post(signed_in(operator), incident, part)
    assert answer.status_code == 302
    assert answer["Location"] == address(incident)
    entry = Entry.objects.latest("pk")
    assert (entry.verb, entry.actor, entry.incident_id) == (VERBS[part], f"user:{operator.pk}", incident.pk)
    assert Disclosure.objects.get(entry=entry, field="actor.address").value == "127.0.0.1"
    assert TimelineEntry.objects.filter(incident=incident).latest("pk").actor == "user:operator"


@pytest.mark.parametrize("part", FORMS)
def test_a_post_without_csrf_token_is_refused(incident: Incident, operator: User, part: str) -> None:
    before = Entry.objects.count()
    assert post(signed_in(operator, enforce_csrf_checks=True), incident, part).status_code == 403
    assert Entry.objects.count() == before


def test_another_method_is_refused(incident: Incident, operator: User) -> None:
    assert signed_in(operator).put(incident_page(incident, "acknowledge")).status_code == 405


def test_an_incident_goes_through_all_its_states(incident: Incident, operator: User) -> None:
    client = signed_in(operator)
    for part, state in (
        ("acknowledge", "acknowledged"),
        ("resolve", "resolved"),
        ("close", "closed"),
        ("reopen", "open"),
    ):
        assert post(client, incident, part, because="so it is").status_code == 302
        incident.refresh_from_db()
        assert incident.state == state


def test_classifying_sets_severity_and_category(incident: Incident, operator: User) -> None:
    client = signed_in(operator)
    post(client, incident, "classify", because="half of the users")
    incident.refresh_from_db()
    assert (incident.severity, incident.category, incident.version) == ("high", "ssl", 2)
    page = client.get(incident_page(incident, "classify")).content.decode()
    assert '<option value="high" selected>' in page
    assert "half of the users" in client.get(address(incident)).content.decode()


def test_a_word_that_was_left_as_it_was_shown_is_no_word_said(incident: Incident, operator: User) -> None:
    client = signed_in(operator)
    form = client.get(incident_page(incident, "classify")).content.decode()
    assert 'name="initial-category" value="startup"' in form
    shown = {"initial-severity": "critical", "initial-category": "startup"}
    Incident.objects.filter(pk=incident.pk).update(category="network")  # a run suggests something else meanwhile
    post(client, incident, "classify", severity="low", category="startup", **shown)
    incident.refresh_from_db()
    assert (incident.severity, incident.category, incident.category_source) == ("low", "network", "service")


@pytest.mark.parametrize(("said", "source"), [("startup", "person"), ("", "person")])
def test_a_word_that_is_confirmed_or_emptied_is_a_persons(
    incident: Incident, operator: User, said: str, source: str
) -> None:
    shown = {"initial-severity": "critical", "initial-category": "startup"}
    post(signed_in(operator), incident, "classify", severity="critical", category=said, **shown)
    incident.refresh_from_db()
    assert (incident.category, incident.category_source) == (said, source)


def test_accepting_a_suggestion_that_changed_shows_the_present_one(
    incident: Incident, stack: Stack, operator: User
) -> None:
    client, seen = signed_in(operator), incident.diagnosis.run_id
    page = client.get(address(incident)).content.decode()
    assert f'name="run" value="{seen}"' in page
    again = request_incident_run(
        incident=incident, suite_name="database", user=operator, by=actor(operator), at=timezone.now()
    )
    carry_out(again, {FAILING: Answer(State.FAIL, "certificate.expired")})

    refused = post(client, incident, "accept", run=seen)
    assert refused.status_code == 409
    assert f'name="run" value="{again.pk}"' in refused.content.decode()
    assert "Severity critical, category ssl" in refused.content.decode()
    assert post(client, incident, "accept", run=again.pk).status_code == 302
    incident.refresh_from_db()
    assert (incident.category, incident.category_source) == ("ssl", "person")
    assert "Accept" not in client.get(address(incident)).content.decode()


def test_running_again_queues_the_chosen_suite(incident: Incident, operator: User) -> None:
    post(signed_in(operator), incident, "run", suite="database")
    run = Run.objects.latest("pk")
    assert (run.suite, run.state) == ("database", "queued")
    assert run.incident_runs.get().incident == incident


def test_a_missing_reason_is_asked_for(incident: Incident, operator: User) -> None:
    answer = post(signed_in(operator), incident, "resolve", because="  ")
    assert answer.status_code == 400
    assert b"This field is required" in answer.content
    incident.refresh_from_db()
    assert incident.state == "open"


def test_a_step_that_the_state_does_not_allow_is_refused_in_words(incident: Incident, operator: User) -> None:
    answer = post(signed_in(operator), incident, "close")
    assert answer.status_code == 409
    assert b"one can acknowledge or resolve, not close" in answer.content


def test_nobody_decides_on_what_has_changed_meanwhile_and_may_then_decide_again(
    incident: Incident, operator: User
) -> None:
    client = signed_in(operator)
    post(client, incident, "classify")
    refused = post(client, incident, "resolve")
    assert refused.status_code == 409
    assert b"read it again" in refused.content
    assert b'name="version" value="2"' in refused.content
    assert b"certificate renewed" in refused.content
    assert post(client, incident, "resolve", version=2).status_code == 302


@pytest.mark.parametrize("fields", [{"severity": "terrible"}, {"category": "<script>"}, {"version": "x"}])
def test_nonsense_in_a_form_is_refused(incident: Incident, operator: User, fields: dict[str, str]) -> None:
    assert post(signed_in(operator), incident, "classify", **fields).status_code == 400


def test_a_reason_is_redacted(incident: Incident, operator: User) -> None:
    client = signed_in(operator)
    post(client, incident, "resolve", because=f"{JWT} was leaked")
    assert JWT not in client.get(address(incident)).content.decode()


def test_without_the_trail_nothing_is_changed_and_the_person_is_told(
    incident: Incident, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DatabaseError("the table is gone")

    client = signed_in(operator)
    monkeypatch.setattr(trail, "_insert", refuse)
    answer = post(client, incident, "acknowledge")
    assert answer.status_code == 503
    assert b"nothing was changed" in answer.content
    incident.refresh_from_db()
    assert incident.state == "open"
