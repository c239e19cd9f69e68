"""Rows of several kinds in one message: nothing is lost against inserting them one by one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Value
from django.db.models.functions import Now, Upper
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from awe_incidents import rows
from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import Incident, TimelineEntry
from diagnostics.models import Stack


def incident(stack: Stack, user: User, *, incident_id: int | None) -> Incident:
    now = timezone.now()
    return Incident(pk=incident_id, stack=stack, title="a 'title'; --", opened_by=user, opened_at=now, changed_at=now)


def line(of: Incident, text: str) -> TimelineEntry:
    return TimelineEntry(
        incident=of, kind="opened", text=text, actor="x", data={"a": ["%s", text]}, occurred_at=timezone.now()
    )


def test_rows_of_two_kinds_take_one_message_and_keep_their_values(stack: Stack, operator: User) -> None:
    (reserved,) = rows.reserve_ids(Incident)
    opened = incident(stack, operator, incident_id=reserved)
    texts = ["percent %s", "quote ' and ; semicolon", "umlaut ü and emoji 🦊"]

    with CaptureQueriesContext(
        connection,
    ) as sent:
        rows.insert_together([opened, *(line(opened, text) for text in texts)])

    assert len(sent) == 1
    assert Incident.objects.get(pk=reserved).title == "a 'title'; --"
    stored = TimelineEntry.objects.order_by("id")
    assert [(one.text, one.data) for one in stored] == [(text, {"a": ["%s", text]}) for text in texts]
    assert all(one.recorded_at for one in stored), "the database fills in its defaults"


def test_ids_are_reserved_once_each(db: None) -> None:
    first = rows.reserve_ids(Incident, Entry, Incident)
    second = rows.reserve_ids(Incident)

    assert len({first[0], first[2], second[0]}) == 3


def test_a_row_that_the_database_refuses_takes_the_others_with_it(stack: Stack, operator: User) -> None:
    (reserved,) = rows.reserve_ids(Incident)
    opened, wrong = incident(stack, operator, incident_id=reserved), incident(stack, operator, incident_id=reserved)

    with pytest.raises(IntegrityError), transaction.atomic():
        rows.insert_together([opened, wrong])
    assert not Incident.objects.filter(pk=reserved).exists()


def test_nothing_to_insert_sends_nothing(db: None) -> None:
    with CaptureQueriesContext(connection) as sent:
        rows.insert_together([])
    assert len(sent) == 0


def test_inserted_rows_can_be_changed_and_saved(stack: Stack, operator: User) -> None:
    (reserved,) = rows.reserve_ids(Incident)
    opened = incident(stack, operator, incident_id=reserved)
    rows.insert_together([opened])

    opened.title = "another"
    opened.save()
    assert Incident.objects.get(pk=reserved).title == "another"


def test_a_value_may_be_worked_out_by_the_database(stack: Stack, operator: User) -> None:
    (reserved,) = rows.reserve_ids(Incident)
    opened = incident(stack, operator, incident_id=reserved)
    opened.changed_at = Now()
    opened.title = Upper(Value("loud"))

    rows.insert_together([opened])

    stored = Incident.objects.get(pk=reserved)
    assert stored.title == "LOUD"
    assert abs(stored.changed_at - timezone.now()) < timedelta(minutes=1)


def test_rows_that_are_there_are_held_and_left_as_they_are(stack: Stack, operator: User) -> None:
    there, new = rows.reserve_ids(Incident, Incident)
    rows.insert_together([incident(stack, operator, incident_id=there)])
    again = [incident(stack, operator, incident_id=number) for number in (there, new)]
    for one in again:
        one.title = "second"

    rows.insert_or_hold(again)
    rows.insert_or_hold([])

    assert list(Incident.objects.order_by("id").values_list("title", flat=True)) == ["a 'title'; --", "second"]
