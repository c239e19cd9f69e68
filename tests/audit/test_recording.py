"""Facts of one change, recorded in its transaction: ids reserved or not, alone or behind the change's own rows."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from awe_incidents.audit import trail
from awe_incidents.audit.errors import TrailUnavailable
from awe_incidents.audit.models import Entry
from awe_incidents.audit.trail import Fact
from awe_incidents.rows import reserve_ids
from diagnostics.models import Run, Stack
from tests.conftest import SETUP


def facts(subject: Stack, number: int) -> list[Fact]:
    return [Fact(verb="stack:tried", subject=subject, by=SETUP, at=timezone.now()) for _ in range(number)]


def run_of(stack: Stack, **fields: object) -> Run:
    now = timezone.now()
    return Run(stack=stack, suite="full", reason="test", requested_at=now, rung_at=now, **fields)


@pytest.mark.parametrize("reserved", [0, 1, 2, 5])
def test_every_fact_gets_its_entry_however_many_ids_were_reserved(stack: Stack, reserved: int) -> None:
    ids = reserve_ids(*[Entry] * reserved) if reserved else []
    entries = trail.record_all(facts(stack, 2), ids=ids)
    assert Entry.objects.filter(pk__in=[one.pk for one in entries], verb="stack:tried").count() == 2
    assert reserved < 2 or [one.pk for one in entries] == ids[:2]


def test_rows_of_the_change_go_in_front_in_the_same_message(stack: Stack) -> None:
    run = run_of(stack)
    (run.pk,) = reserve_ids(Run)
    trail.record_all(facts(stack, 1), behind=[run])
    assert Run.objects.filter(pk=run.pk).exists()


def test_what_is_wrong_with_the_change_is_not_blamed_on_the_trail(stack: Stack) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        trail.record_all(facts(stack, 1), behind=[run_of(stack, state="no such state")])
    assert not Entry.objects.filter(verb="stack:tried").exists()


def test_a_trail_that_does_not_take_an_entry_takes_the_change_along(stack: Stack) -> None:
    (taken,) = trail.record_all(facts(stack, 1))
    run = run_of(stack)
    (run.pk,) = reserve_ids(Run)
    with pytest.raises(TrailUnavailable), transaction.atomic():
        trail.record_all(facts(stack, 1), ids=[taken.pk], behind=[run])
    assert not Run.objects.filter(pk=run.pk).exists()
