"""Classifying an incident."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit.models import Entry
from awe_incidents.incidents import operations
from awe_incidents.incidents.errors import RoleRequired, StaleVersion
from awe_incidents.incidents.models import Incident, TimelineEntry
from awe_incidents.incidents.states import Category, Severity
from diagnostics.models import Stack


@pytest.fixture
def incident(stack: Stack, operator: User) -> Incident:
    return operations.open_incident(stack=stack, title="slow", user=operator, by=actor(operator), at=timezone.now())


def actor(user: User) -> Actor:
    return Actor(kind="user", name=user.username, user_id=user.pk)


def classify(
    incident: Incident,
    user: User,
    severity: Severity | Literal[""] | None = Severity.HIGH,
    category: Category | None = None,
    because: str = "",
    version: int | None = None,
) -> Incident:
    return operations.classify_incident(
        incident=incident,
        severity=severity,
        category=category,
        user=user,
        by=actor(user),
        at=timezone.now(),
        because=because,
        version=version,
    )


def test_severity_and_category_are_set_and_recorded(incident: Incident, operator: User) -> None:
    done = classify(incident, operator, Severity.HIGH, Category.SSL, because="all browsers")

    assert (done.severity, done.category, done.version) == ("high", "ssl", 2)
    line = TimelineEntry.objects.latest("pk")
    assert (line.kind, line.text) == ("classified", "Now severity high, category ssl: all browsers")
    entry = Entry.objects.get(verb="incident:classified")
    assert json.loads(bytes(entry.body))["data"] == {
        "from": {"category": "", "severity": ""},
        "to": {"category": "ssl", "severity": "high"},
    }


def test_a_word_can_be_taken_back(incident: Incident, operator: User) -> None:
    classify(incident, operator, Severity.HIGH)
    assert classify(incident, operator, "").severity == ""
    assert TimelineEntry.objects.latest("pk").text == "Now severity not set"


def test_what_is_not_said_stays(incident: Incident, operator: User) -> None:
    classify(incident, operator, Severity.HIGH)
    assert classify(incident, operator, None, Category.SSL).severity == "high"


def test_the_same_again_records_nothing(incident: Incident, operator: User) -> None:
    classify(incident, operator)
    assert classify(incident, operator).version == 2
    assert Entry.objects.filter(verb="incident:classified").count() == 1


def test_a_stale_version_is_refused(incident: Incident, operator: User) -> None:
    classify(incident, operator)
    with pytest.raises(StaleVersion):
        classify(incident, operator, Severity.LOW, version=1)


def test_a_reporter_may_not_classify(incident: Incident, reporter: User) -> None:
    with pytest.raises(RoleRequired):
        classify(incident, reporter)
