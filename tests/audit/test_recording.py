"""Facts of one change, recorded in its transaction: alone or behind the change's own rows."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.audit.canonical import MAX_BYTES
from awe_incidents.audit.errors import TrailUnavailable
from awe_incidents.audit.models import CurrentTransaction, Disclosure, Entry
from awe_incidents.audit.trail import Fact
from awe_incidents.rows import reserve_ids
from diagnostics.models import Run, Stack
from tests.conftest import SETUP


def facts(subject: Stack, number: int) -> list[Fact]:
    return [Fact(verb="stack:tried", subject=subject, by=SETUP, at=timezone.now()) for _ in range(number)]


def run_of(stack: Stack, **fields: object) -> Run:
    now = timezone.now()
    return Run(stack=stack, suite="full", reason="test", requested_at=now, rung_at=now, **fields)


def test_facts_of_one_change_take_one_message_and_keep_their_order(stack: Stack) -> None:
    said = [f"{text} 'quoted' %s; ü 🦊" for text in "abc"]
    wanted = [replace(fact, because=text) for fact, text in zip(facts(stack, 3), said, strict=True)]
    with CaptureQueriesContext(connection) as sent:
        entries = trail.record_all(wanted)
    assert len(sent) == 1
    stored = Entry.objects.filter(verb="stack:tried").order_by("pk")
    assert [bytes(one.body) for one in stored] == [one.body for one in entries]
    assert [one.pk for one in stored] == [one.pk for one in entries]
    assert [one.disclosures.get(field="because").value for one in stored] == said


def test_a_fact_without_any_text_has_no_disclosure(stack: Stack) -> None:
    nameless = Actor(kind="service", name="")
    (entry,) = trail.record_all([Fact(verb="stack:tried", subject=stack, by=nameless, at=timezone.now())])
    assert not Disclosure.objects.filter(entry=entry).exists()


def test_rows_of_the_change_go_in_front_in_the_same_message(stack: Stack) -> None:
    run = run_of(stack)
    (run.pk,) = reserve_ids(Run)
    trail.record_all(facts(stack, 1), behind=[run])
    assert Run.objects.filter(pk=run.pk).exists()


def test_what_is_wrong_with_the_change_is_not_blamed_on_the_trail(stack: Stack) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        trail.record_all(facts(stack, 1), behind=[run_of(stack, state="no such state")])
    assert not Entry.objects.filter(verb="stack:tried").exists()


def test_a_trail_that_does_not_take_an_entry_takes_the_change_along(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    (there,) = trail.record_all(facts(stack, 1))
    monkeypatch.setattr(trail, "new_event_id", lambda: there.event_id)
    run = run_of(stack)
    (run.pk,) = reserve_ids(Run)
    with pytest.raises(TrailUnavailable), transaction.atomic():
        trail.record_all(facts(stack, 1), behind=[run])
    assert not Run.objects.filter(pk=run.pk).exists()


def test_an_entry_that_the_signer_could_not_read_is_refused_past_record_too(stack: Stack) -> None:
    (there,) = trail.record_all(facts(stack, 1))
    there.pk, there.event_id, there.body = None, uuid4(), b"x" * (MAX_BYTES + 1)
    there.xid = CurrentTransaction()  # type: ignore[assignment]  # the database works it out
    with pytest.raises(IntegrityError, match="entry_not_too_large"), transaction.atomic():
        there.save(force_insert=True)
    there.body = there.body[:MAX_BYTES]
    there.save(force_insert=True)
