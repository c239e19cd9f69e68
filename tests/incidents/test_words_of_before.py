"""Incidents from before there were words get theirs, as if they had been filed with them."""

from __future__ import annotations

import importlib

from django.apps import apps
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import IncidentWords
from awe_incidents.incidents.operations import open_incident, revise_bug_report
from diagnostics.models import Stack
from tests.incidents.test_joining import EXPIRED, EXPIRED_TOO, REDIS, actor, file, step

migration = importlib.import_module("awe_incidents.incidents.migrations.0007_words_of_incidents")
COLUMNS = ("incident_id", "report_id", "stack_id", "person_id", "opened_at", "is_lead", "words")


def test_rows_of_before_get_the_words_that_filing_gives(
    stack: Stack, reporter: User, other_reporter: User, operator: User
) -> None:
    file(stack, reporter, EXPIRED, logs="api | ERROR: certificate has expired: Rotkehlchen")
    joined = file(stack, other_reporter, EXPIRED_TOO)
    assert joined.likeness
    resolved = file(stack, reporter, REDIS).report
    how = {"by": actor(operator), "at": timezone.now()}
    revise_bug_report(report=resolved, changes={"actual_behavior": "queues overflow"}, user=operator, **how)  # type: ignore[arg-type]
    step(resolved.incident, "resolve", operator)
    open_incident(stack=stack, title="Kernel panic", user=operator, **how)  # type: ignore[arg-type]
    before = sorted(IncidentWords.objects.values_list(*COLUMNS), key=str)
    assert len(before) == 4

    IncidentWords.objects.all().delete()
    migration.fill(apps, None)

    assert sorted(IncidentWords.objects.values_list(*COLUMNS), key=str) == before
