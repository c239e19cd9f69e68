"""Facts of one change, recorded in its transaction."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from awe_incidents.actor import Actor
from awe_incidents.audit import canonical, trail
from awe_incidents.audit.canonical import MAX_BYTES
from awe_incidents.audit.errors import EntryRefused, EntryTooLarge, TrailUnavailable
from awe_incidents.audit.models import CurrentTransaction, Disclosure, Entry
from awe_incidents.audit.trail import Fact
from diagnostics.models import Run, Stack
from tests.conftest import SETUP


def facts(subject: Stack, number: int) -> list[Fact]:
    return [Fact(verb="stack:tried", subject=subject, by=SETUP, at=timezone.now()) for _ in range(number)]


def run_of(stack: Stack, **fields: object) -> Run:
    now = timezone.now()
    return Run(stack=stack, suite="full", reason="test", requested_at=now, rung_at=now, **fields)


def test_facts_of_one_change_keep_their_order_and_their_texts(stack: Stack) -> None:
    said = [f"{text} 'quoted' %s $1; {{}} \\ ü 🦊" for text in "abc"]
    wanted = [replace(fact, because=text) for fact, text in zip(facts(stack, 3), said, strict=True)]
    ids = trail.record_all(wanted)
    stored = Entry.objects.filter(verb="stack:tried").order_by("pk")
    assert [one.pk for one in stored] == ids
    assert [one.disclosures.get(field="because").value for one in stored] == said
    for entry in stored:
        parsed = canonical.parse(bytes(entry.body))
        for text in entry.disclosures.all():
            assert parsed["commitments"][text.field] == canonical.commitment(bytes(text.salt), text.value)


@pytest.mark.parametrize("incident_id", [None, 0, 7, 40_000, 3_000_000_000, 2**53 - 1])
def test_search_columns_are_what_the_entry_says(stack: Stack, incident_id: int | None) -> None:
    (fact,) = facts(stack, 1)
    (entry_id,) = trail.record_all([replace(fact, incident_id=incident_id)])
    entry = Entry.objects.get(pk=entry_id)
    parsed = canonical.parse(bytes(entry.body))
    assert (entry.incident_id, str(entry.event_id)) == (parsed["incident"], parsed["id"])
    assert canonical.timestamp(entry.occurred_at) == parsed["at"]
    assert (entry.verb, entry.subject_type, entry.subject_id) == ("stack:tried", "stack", str(stack.pk))


def test_a_fact_without_any_text_has_no_disclosure(stack: Stack) -> None:
    nameless = Actor(kind="service", name="")
    (entry_id,) = trail.record_all([Fact(verb="stack:tried", subject=stack, by=nameless, at=timezone.now())])
    assert not Disclosure.objects.filter(entry=entry_id).exists()


def test_one_refused_fact_keeps_the_others_out(stack: Stack) -> None:
    good, bad = facts(stack, 2)
    with pytest.raises(EntryTooLarge), transaction.atomic():
        trail.record_all([good, replace(bad, data={"x": "y" * MAX_BYTES})])
    assert not Entry.objects.filter(verb="stack:tried").exists()


def test_a_text_that_postgresql_does_not_keep_is_refused_and_not_to_be_tried_again(stack: Stack) -> None:
    (fact,) = facts(stack, 1)
    with pytest.raises(EntryRefused, match="0x00"), transaction.atomic():
        trail.record_all([replace(fact, because="a\0b")])
    assert not Entry.objects.filter(verb="stack:tried").exists()


def test_a_trail_that_does_not_take_an_entry_takes_the_change_along(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    (there,) = trail.record_all(facts(stack, 1))
    monkeypatch.setattr(trail, "new_event_id", lambda: Entry.objects.get(pk=there).event_id)

    def change() -> None:
        with transaction.atomic():
            run_of(stack).save()
            trail.record_all(facts(stack, 1))

    with pytest.raises(TrailUnavailable):
        change()
    assert not Run.objects.filter(reason="test").exists()


def test_an_entry_that_the_signer_could_not_read_is_refused_past_record_too(stack: Stack) -> None:
    there = Entry.objects.get(pk=trail.record_all(facts(stack, 1))[0])
    there.pk, there.event_id, there.body = None, uuid4(), b"x" * (MAX_BYTES + 1)
    there.xid = CurrentTransaction()  # type: ignore[assignment]  # the database works it out
    with pytest.raises(IntegrityError, match="entry_not_too_large"), transaction.atomic():
        there.save(force_insert=True)
    there.body = there.body[:MAX_BYTES]
    there.save(force_insert=True)
