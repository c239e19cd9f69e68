"""Which incident a report joins, also when two come at the same instant, and what joining leaves behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit.models import Entry
from awe_incidents.incidents import operations
from awe_incidents.incidents.models import BugReport, Incident, IncidentRun, IncidentWords, TimelineEntry
from awe_incidents.incidents.operations import Filed, joining
from diagnostics.models import Run, Stack
from diagnostics.operations import apply_stack, start_run
from diagnostics.stack import parse_toml
from tests.conftest import PLAIN_STACK, SETUP

EXPIRED = "The certificate of the server expired, no client gets through"
EXPIRED_TOO = "Server certificate has expired yesterday"
REDIS = "Error 111 connecting to redis:6379, jobs are not accepted"


def actor(user: User) -> Actor:
    return Actor(kind="user", name=user.username, user_id=user.pk)


def file(stack: Stack, user: User, said: str, *, logs: str = "", new_incident: bool = False) -> Filed:
    fields = {"environment": "Production", "actual_behavior": said, "container_logs": logs}
    return operations.file_bug_report(
        stack=stack, fields=fields, reporter=user, by=actor(user), at=timezone.now(), new_incident=new_incident
    )


def step(incident: Incident, action: str, operator: User) -> None:
    operations.move_incident(
        incident=incident, action=action, user=operator, by=actor(operator), at=timezone.now(), because="so it is"
    )


def test_a_report_of_the_same_problem_joins(stack: Stack, reporter: User, other_reporter: User) -> None:
    first = file(stack, reporter, EXPIRED)
    second = file(stack, other_reporter, EXPIRED_TOO)

    assert first.likeness is None
    assert second.report.incident_id == first.report.incident_id
    assert second.likeness is not None
    assert set(second.likeness.words) == {"certificate", "expired", "server"}
    assert Incident.objects.count() == 1
    assert BugReport.objects.get(pk=second.report.pk).incident_id == first.report.incident_id


def test_joining_leaves_a_line_and_an_entry(stack: Stack, reporter: User, other_reporter: User) -> None:
    incident = file(stack, reporter, EXPIRED).report.incident_id
    report = file(stack, other_reporter, EXPIRED_TOO).report

    lines = TimelineEntry.objects.filter(incident=incident).order_by("id")
    assert [line.kind for line in lines] == ["opened", "report_filed", "run_requested", "report_joined"]
    joined = lines[3]
    assert joined.data["report"] == report.pk
    assert set(joined.data["words"]) == {"certificate", "expired", "server"}
    verbs = Entry.objects.filter(incident_id=incident).order_by("id").values_list("verb", flat=True)
    assert list(verbs)[3:] == ["bug_report:filed", "bug_report:joined"]
    assert b"certificate" not in bytes(Entry.objects.get(verb="bug_report:joined").body)


def test_another_problem_opens_an_incident(stack: Stack, reporter: User) -> None:
    first, second = file(stack, reporter, EXPIRED), file(stack, reporter, REDIS)
    assert second.likeness is None
    assert second.report.incident_id != first.report.incident_id


def test_who_insists_gets_a_new_incident(stack: Stack, reporter: User) -> None:
    first, second = file(stack, reporter, EXPIRED), file(stack, reporter, EXPIRED, new_incident=True)
    assert second.likeness is None
    assert second.report.incident_id != first.report.incident_id


def test_of_two_that_are_alike_the_older_one_is_joined(stack: Stack, reporter: User) -> None:
    first = file(stack, reporter, EXPIRED)
    file(stack, reporter, EXPIRED, new_incident=True)
    assert file(stack, reporter, EXPIRED).report.incident_id == first.report.incident_id


def test_incidents_of_other_stacks_are_not_joined(stack: Stack, reporter: User, tmp_path: Path) -> None:
    described = PLAIN_STACK.replace('"plain"', '"other"')
    other = apply_stack(config=parse_toml(described, folder=tmp_path), by=SETUP, at=timezone.now()).stack
    first, second = file(stack, reporter, EXPIRED), file(other, reporter, EXPIRED)
    assert second.report.incident_id != first.report.incident_id


def test_only_who_waits_is_joined(stack: Stack, reporter: User, operator: User) -> None:
    incident = file(stack, reporter, EXPIRED).report.incident

    def joins() -> bool:
        with transaction.atomic():
            filed = file(stack, reporter, EXPIRED)
            transaction.set_rollback(True)
        return filed.report.incident_id == incident.pk

    assert joins()
    for action, expected in (("acknowledge", True), ("resolve", False), ("close", False), ("reopen", True)):
        step(incident, action, operator)
        assert joins() is expected, action


def test_an_incident_that_an_operator_opened_is_joined_by_its_title(
    stack: Stack, reporter: User, operator: User
) -> None:
    incident = operations.open_incident(
        stack=stack, title=EXPIRED, user=operator, by=actor(operator), at=timezone.now()
    )
    assert file(stack, reporter, EXPIRED_TOO).report.incident_id == incident.pk


def test_a_run_that_waits_in_line_looks_for_both(stack: Stack, reporter: User) -> None:
    first = file(stack, reporter, EXPIRED)
    second = file(stack, reporter, EXPIRED_TOO)
    assert second.run.pk == first.run.pk
    assert Run.objects.count() == 1

    start_run(run_id=first.run.pk, at=timezone.now())  # it may have looked before the third report's moment
    third = file(stack, reporter, EXPIRED_TOO)
    assert third.run.pk != first.run.pk
    assert set(IncidentRun.objects.values_list("run_id", flat=True)) == {first.run.pk, third.run.pk}


def test_an_old_open_incident_is_found_behind_many_newer_ones(
    stack: Stack, reporter: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = file(stack, reporter, EXPIRED)
    for number in range(5):
        file(stack, reporter, f"{REDIS} {number}", new_incident=True)
    monkeypatch.setattr(joining, "MAX_NEWEST", 3)
    assert file(stack, reporter, EXPIRED_TOO).report.incident_id == first.report.incident_id


def test_every_report_has_its_words_and_every_waiting_incident_one_lead(
    stack: Stack, reporter: User, operator: User
) -> None:
    filed = [file(stack, reporter, said) for said in (EXPIRED, EXPIRED_TOO, REDIS)]
    step(filed[2].report.incident, "resolve", operator)

    rows = IncidentWords.objects.order_by("id").values_list("report_id", "incident_id", "is_lead")
    shared, other = filed[0].report.incident_id, filed[2].report.incident_id
    assert list(rows) == [
        (filed[0].report.pk, shared, True),
        (filed[1].report.pk, shared, False),
        (filed[2].report.pk, other, False),
    ]


class Together:
    """Starts every call at the same instant, each in a thread with a connection of its own."""

    def __init__(self, calls: int) -> None:
        self.barrier, self.calls = threading.Barrier(calls), calls

    def run(self, call: Callable[[int], Filed]) -> list[Filed]:
        with ThreadPoolExecutor(self.calls) as pool:
            return list(pool.map(lambda number: self._one(call, number), range(self.calls)))

    def _one(self, call: Callable[[int], Filed], number: int) -> Filed:
        try:
            self.barrier.wait()
            return call(number)
        finally:
            connection.close()


@pytest.mark.django_db(transaction=True)
def test_alike_reports_of_the_same_instant_open_one_incident(
    stack: Stack, reporter: User, other_reporter: User
) -> None:
    for _ in range(5):
        people = (reporter, other_reporter)
        filed = Together(6).run(lambda n, people=people: file(stack, people[n % 2], EXPIRED if n % 3 else EXPIRED_TOO))  # type: ignore[misc]
        assert len({one.report.incident_id for one in filed}) == 1
        assert [one.likeness is None for one in filed].count(True) <= 1
    assert Incident.objects.count() == 1
    assert BugReport.objects.count() == 30


@pytest.mark.django_db(transaction=True)
def test_reports_and_steps_of_the_same_instant_neither_deadlock_nor_join_what_is_closed(
    stack: Stack, reporter: User, operator: User
) -> None:
    for _ in range(5):
        incident = file(stack, reporter, EXPIRED).report.incident

        def call(number: int, incident: Incident = incident) -> Filed | None:
            if number:
                return file(stack, reporter, EXPIRED_TOO)
            step(incident, "resolve", operator)
            return None

        filed = [one for one in Together(5).run(call) if one]  # type: ignore[arg-type]
        others = {one.report.incident_id for one in filed} - {incident.pk}
        assert len(others) <= 1  # who came after the step found it resolved, and opened one incident together
        resolved = TimelineEntry.objects.get(incident=incident, kind="resolved")
        late = TimelineEntry.objects.filter(
            incident=incident, kind="report_joined", recorded_at__gt=resolved.recorded_at
        )
        assert not late.exists()
        for pk in others:
            step(Incident.objects.get(pk=pk), "resolve", operator)
