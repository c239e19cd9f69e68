"""The list of entries: found by what they are about, in pages, by auditors alone, beside the stack's own log."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from awe_incidents.accounts.models import User
from awe_incidents.audit.listing import PAGE
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import Incident
from awe_incidents.triage.entry_filter import trail_address
from awe_incidents.triage.facts import address
from diagnostics.models import Run, Stack
from tests.api.trail import recorded
from tests.triage.world import SCRIPT, file, signed_in

LIST = "/admin/audit/entry/"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def listed(client: Client, **asked: str | int) -> list[int]:
    """Give the numbers of the entries of one page."""
    answer = client.get(LIST, asked)
    assert answer.status_code == 200
    return [line.entry.pk for line in answer.context["shown"].lines if line.entry]


def numbers(entries: list[Entry]) -> list[int]:
    """Give the numbers of entries, newest first."""
    return [one.pk for one in entries][::-1]


def test_a_line_tells_what_was_done_to_what_by_whom(stack: Stack, auditor: User) -> None:
    (entry,) = recorded(stack, incident_id=7, at=NOON)
    page = signed_in(auditor).get(LIST).content.decode()
    assert f'href="{address(entry)}">stack:tried' in page
    assert f'href="{html.escape(trail_address(subject=f"stack:{stack.pk}"))}">stack:{stack.pk}' in page
    assert f'href="{trail_address(actor="service:test")}">service:test' in page
    assert f'href="{trail_address(incident=7)}">#7' in page
    assert "2026-03-01 12:00:00 UTC" in page
    assert "waits for its place" in page


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["a", "b", "c"]),
        ({"subject": "stack"}, ["a", "b"]),
        ({"subject": "stack:{stack}"}, ["a", "b"]),
        ({"subject": "stack:99999"}, []),
        ({"verb": "stack:tried"}, ["a"]),
        ({"verb": "stack:"}, ["a", "b"]),
        ({"verb": "nothing:done"}, []),
        ({"actor": "service:test"}, ["a", "b", "c"]),
        ({"actor": "user:99999"}, []),
        ({"incident": 7}, ["b"]),
        ({"incident": 8}, []),
        ({"since": "2026-03-01T12:00:00"}, ["b", "c"]),
        ({"until": "2026-03-01T12:00:00"}, ["a"]),
        ({"since": "2026-03-01T11:00:00", "until": "2026-03-01T12:30:00", "verb": "stack:"}, ["a", "b"]),
    ],
)
def test_entries_are_found_by_what_they_are_about(
    stack: Stack, auditor: User, asked: dict[str, str | int], expected: list[str]
) -> None:
    last = Entry.objects.latest("pk").pk
    one = {
        "a": recorded(stack, at=NOON - timedelta(minutes=30))[0].pk,
        "b": recorded(stack, verb="stack:kept", incident_id=7, at=NOON)[0].pk,
        "c": recorded(auditor, verb="user:tried", at=NOON + timedelta(hours=1))[0].pk,
    }
    told = {name: str(value).format(stack=stack.pk) for name, value in asked.items()}
    found = [number for number in listed(signed_in(auditor), **told) if number > last]
    assert found == [one[name] for name in reversed(expected)]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("verb", "x", "A verb is subject:action"),
        ("verb", SCRIPT, "A verb is subject:action"),
        ("subject", "5", "A subject is a kind"),
        ("incident", "many", "Enter a whole number"),
        ("incident", str(2**63), "less than or equal"),
        ("since", "yesterday", "Enter a valid date/time"),
        ("actor", "x" * 65, "at most 64 characters"),
        ("actor", "a\0b", "Null characters are not allowed"),
        ("older_than", "-1", "greater than or equal"),
        ("newer_than", "x", "Enter a whole number"),
    ],
)
def test_what_cannot_be_asked_is_told_beside_its_field(
    stack: Stack, auditor: User, name: str, value: str, words: str
) -> None:
    recorded(stack)
    answer = signed_in(auditor).get(LIST, {name: value})
    page = answer.content.decode()
    assert words in page
    assert SCRIPT not in page
    assert answer.context["shown"].lines == []


def test_a_span_of_time_that_ends_before_it_begins_is_told(auditor: User) -> None:
    page = signed_in(auditor).get(LIST, {"since": "2026-03-02T00:00:00", "until": "2026-03-01T00:00:00"})
    assert "This is not after the start." in page.content.decode()


@pytest.mark.parametrize("span", [{}, {"since": "2000-01-01T00:00:00"}])
def test_pages_lead_down_and_up_and_lose_nothing_while_entries_come(
    stack: Stack, auditor: User, span: dict[str, str]
) -> None:
    entries = numbers(recorded(stack, 2 * PAGE + 3))
    client, asked = signed_in(auditor), {"subject": "stack", "actor": "service:test", "verb": "stack:tried", **span}
    first = client.get(LIST, asked)
    assert [line.entry.pk for line in first.context["shown"].lines] == entries[:PAGE]
    assert first.context["shown"].newer == ""
    recorded(stack, 2)
    second = client.get(first.context["shown"].older)
    assert [line.entry.pk for line in second.context["shown"].lines] == entries[PAGE : 2 * PAGE]
    third = client.get(second.context["shown"].older)
    assert [line.entry.pk for line in third.context["shown"].lines] == entries[2 * PAGE :]
    assert third.context["shown"].older == ""
    back = client.get(third.context["shown"].newer)
    assert [line.entry.pk for line in back.context["shown"].lines] == entries[PAGE : 2 * PAGE]
    assert back.context["shown"].older
    top = client.get(back.context["shown"].newer)
    assert len(top.context["shown"].lines) == PAGE
    assert f'href="{html.escape(back.context["shown"].newer)}"' in back.content.decode()


def test_a_page_costs_the_same_however_many_entries_there_are(
    stack: Stack, auditor: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    recorded(stack, PAGE + 5)
    client = signed_in(auditor)
    with django_assert_max_num_queries(7) as queries:
        assert len(listed(client, subject=f"stack:{stack.pk}")) == PAGE
    statements = [query["sql"] for query in queries]
    assert not [one for one in statements if "COUNT(" in one or '"audit_entry"."body"' in one]


def test_who_is_no_auditor_reads_nothing_and_is_led_nowhere(
    incident: Incident, reporter: User, operator: User, administrator: User
) -> None:
    entry = Entry.objects.latest("pk")
    for user in (reporter, operator, administrator):
        client = signed_in(user)
        for path in (LIST, f"{LIST}?incident={incident.pk}", address(entry), address(entry, part="body")):
            assert client.get(path).status_code == 403, (user, path)
        assert LIST not in client.get("/admin/").content.decode()
    assert LIST not in signed_in(operator).get(address(incident)).content.decode()
    assert Client().get(LIST)["Location"].startswith("/admin/login/")


def test_nothing_is_posted_there(auditor: User) -> None:
    assert signed_in(auditor).post(LIST).status_code == 405


def test_whatever_has_entries_leads_to_them(incident: Incident, auditor: User, operator: User) -> None:
    client, run = signed_in(auditor), Run.objects.get()
    for thing, path in (
        (incident, trail_address(incident=incident.pk)),
        (incident.reports.get(), trail_address(subject=f"bugreport:{incident.reports.get().pk}")),
        (run, trail_address(subject=f"run:{run.pk}")),
        (incident.stack, trail_address(subject=f"stack:{incident.stack.pk}")),
    ):
        assert f'href="{path}"' in client.get(address(thing)).content.decode(), thing
        assert client.get(path).context["shown"].lines, thing
    User.objects.filter(pk=auditor.pk).update(is_superuser=True)
    file(incident.stack, operator)
    page = client.get(address(operator)).content.decode()
    assert f'href="{trail_address(subject=f"user:{operator.pk}")}"' in page
    assert f'href="{trail_address(actor=f"user:{operator.pk}")}"' in page
    assert not re.search(rf'href="{LIST}\?', client.get(address(incident.timeline.all()[0])).content.decode())


def test_words_of_strangers_are_no_markup(stack: Stack, auditor: User) -> None:
    recorded(stack, at=timezone.now(), incident_id=7)
    Entry.objects.bulk_create(
        [
            Entry(
                body=b"{}",
                event_id="01900000-0000-7000-8000-000000000001",
                verb=SCRIPT,
                subject_type="stack",
                subject_id=SCRIPT,
                actor=SCRIPT,
                incident_id=7,
                occurred_at=timezone.now(),
            )
        ]
    )
    client = signed_in(auditor)
    for asked in ({}, {"incident": 7}, {"actor": SCRIPT}, {"subject": f"stack:{SCRIPT}"}):
        page = client.get(LIST, asked).content.decode()
        assert "alert('of a stranger')" not in page
        assert html.escape(SCRIPT) in page
