"""The stack's own security log in an incident's trail: beside our entries, by time, and visibly not ours."""

from __future__ import annotations

import html
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from awe_incidents.accounts.models import User
from awe_incidents.audit.listing import PAGE
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.operations import request_incident_run
from awe_incidents.incidents.stack_events import CHECK
from awe_incidents.triage.facts import address
from diagnostics.checks.login_samples import sample_of
from diagnostics.checks.result import State
from diagnostics.models import Evidence, Run, Stack
from diagnostics.probes.security_events import event_of
from tests.api.trail import recorded
from tests.triage.world import SCRIPT, Answer, actor, carry_out, file, signed_in

LIST = "/admin/audit/entry/"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def logged(minute: float, event: str, address: str = "10.0.0.9", user: str = "maria") -> str:
    """Give an event of the stack's log as the check keeps it, so many minutes after noon."""
    at = (NOON + timedelta(minutes=minute)).isoformat()
    seen = event_of(json.dumps({"event": event, "username": user, "client": address, "ts": at}).encode())
    assert seen is not None
    return sample_of(seen, lambda name: f"mark-{name}")


def seen_by_run(incident: Incident, operator: User, *lines: str) -> Run:
    """Let a run of the incident have seen these events, as its check keeps them."""
    run = request_incident_run(
        incident=incident, suite_name="auth", user=operator, by=actor(operator), at=timezone.now()
    )
    content = "\n".join(["12 lines: 0 say nothing of logins or cannot be read", "   0-5: 3; 3, 3, 3; 0; 0", *lines])
    carry_out(run, {CHECK: Answer(State.WARN, "security.lockout", first_line=1, last_line=1, content=content)})
    return run


@pytest.fixture
def of_incident(stack: Stack, operator: User) -> Incident:
    return file(stack, operator)[0].incident


def told(auditor: User, incident: Incident, **asked: str | int) -> list[str]:
    """Give the lines of an incident's trail from the newest on: verbs, and the words of events."""
    answer = signed_in(auditor).get(LIST, {"incident": incident.pk, **asked})
    assert answer.status_code == 200
    return [line.entry.verb if line.entry else line.event.words for line in answer.context["shown"].lines]


def test_events_stand_among_entries_by_time_and_are_marked(
    of_incident: Incident, operator: User, auditor: User, stack: Stack
) -> None:
    recorded(stack, verb="stack:early", incident_id=of_incident.pk, at=NOON)
    recorded(stack, verb="stack:late", incident_id=of_incident.pk, at=NOON + timedelta(minutes=10))
    run = seen_by_run(
        of_incident,
        operator,
        logged(-1, "login_ok"),
        logged(5, "login_failed"),
        logged(6, "account_locked"),
        logged(15, "login_failed"),
    )
    lines = told(auditor, of_incident)
    assert lines[lines.index("login or token refused") :] == [
        "login or token refused",
        "stack:late",
        "account locked",
        "login or token refused",
        "stack:early",
        "login",
    ]
    page = html.unescape(signed_in(auditor).get(LIST, {"incident": of_incident.pk}).content.decode())
    piece = Evidence.objects.get(result__run=run, result__slug=CHECK)
    assert page.count("outside the trail: from the stack's own log") == 4
    assert page.count(f'as <a href="{address(piece)}">run {run.pk}</a> saw it') == 4
    assert page.count('<tr class="desk-outside">') == 4
    assert "user <code>mark-maria</code>, from <code>10.0.0.9</code>" in page


def test_what_several_runs_saw_is_there_once_and_equal_events_are_counted(
    of_incident: Incident, operator: User, auditor: User
) -> None:
    burst = [logged(5, "login_failed")] * 3
    first = seen_by_run(of_incident, operator, *burst)
    second = seen_by_run(of_incident, operator, *burst, logged(7, "account_locked"))
    page = signed_in(auditor).get(LIST, {"incident": of_incident.pk}).content.decode()
    assert page.count('<tr class="desk-outside">') == 2
    assert "Login or token refused, 3 times" in page
    assert page.index(f">run {second.pk}<") < page.index(f">run {first.pk}<")  # the lockout came later


def test_events_of_strangers_are_no_markup_and_cannot_pose_as_others(
    of_incident: Incident, operator: User, auditor: User
) -> None:
    forged = f"{(NOON).isoformat()} lockout user=boss address=10.0.0.1"
    seen_by_run(of_incident, operator, logged(1, "login_failed", address=f"{SCRIPT} {forged}"))
    answer = signed_in(auditor).get(LIST, {"incident": of_incident.pk})
    assert SCRIPT not in answer.content.decode()
    events = [line.event for line in answer.context["shown"].lines if line.event]
    assert [event.words for event in events] == ["login or token refused"]


def test_a_narrower_question_shows_no_events_and_a_span_of_time_its_own(
    of_incident: Incident, operator: User, auditor: User
) -> None:
    seen_by_run(of_incident, operator, logged(1, "login_failed"), logged(30, "account_locked"))
    assert "account locked" in told(auditor, of_incident)
    assert "account locked" not in told(auditor, of_incident, verb="incident:opened")
    assert "account locked" not in told(auditor, of_incident, actor=f"user:{operator.pk}")
    span = {"since": "2026-03-01T12:00:00", "until": "2026-03-01T12:30:00"}
    assert told(auditor, of_incident, **span) == ["login or token refused"]


def test_each_event_is_on_exactly_one_page(of_incident: Incident, operator: User, auditor: User, stack: Stack) -> None:
    for minute in range(2 * PAGE + 5):
        recorded(stack, incident_id=of_incident.pk, at=NOON + timedelta(minutes=minute))
    minutes = (-1, 3.5, 55.5, 56, 70, 103.5)
    seen_by_run(of_incident, operator, *(logged(minute, "login_failed") for minute in minutes))
    client, url, found = signed_in(auditor), f"{LIST}?incident={of_incident.pk}", list[datetime]()
    times: list[datetime] = []
    while url:
        shown = client.get(url).context["shown"]
        found += [line.at for line in shown.lines if line.event]
        times += [line.at for line in shown.lines if line.event or line.entry.verb == "stack:tried"]
        url = shown.older
    assert sorted(found) == [NOON + timedelta(minutes=minute) for minute in minutes]
    assert times == sorted(times, reverse=True)


def test_events_of_other_incidents_are_not_shown_and_cost_is_bounded(
    of_incident: Incident,
    operator: User,
    auditor: User,
    stack: Stack,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    other = file(stack, operator)[0].incident
    for _ in range(3):
        seen_by_run(of_incident, operator, logged(1, "login_failed"))
    assert "login or token refused" not in told(auditor, other)
    client = signed_in(auditor)
    with django_assert_max_num_queries(10):
        assert client.get(LIST, {"incident": of_incident.pk}).status_code == 200
