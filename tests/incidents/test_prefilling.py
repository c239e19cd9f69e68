"""Prefill: queued with the report, captured from the real stack, kept beside what people wrote, and never lost."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Entry
from awe_incidents.incidents import operations, queue
from awe_incidents.incidents.errors import AlreadyClaimed
from awe_incidents.incidents.models import BugReport, ReportPrefill
from awe_incidents.incidents.operations import prefilling
from awe_incidents.incidents.prefills import Found, prefill_of
from diagnostics.looking import CAPTURES
from diagnostics.models import Stack
from diagnostics.operations import apply_stack, sweep
from diagnostics.queries import seconds
from diagnostics.stack import parse_toml
from tests.conftest import PLAIN_STACK, SETUP
from tests.diagnostics import looks
from tests.incidents.test_operations import JWT, file


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The reports whose doorbells were rung."""
    found: list[int] = []
    monkeypatch.setattr(queue, "ring_prefill", found.append)
    return found


@pytest.fixture
def logging_stack(stack: Stack, tmp_path: Path) -> Stack:
    """The stack with a log."""
    text = PLAIN_STACK.replace('role = "api"', 'role = "api"\nlog_files = ["api.log"]')
    (tmp_path / "api.log").write_text(f"{timezone.now():%Y-%m-%dT%H:%M:%SZ} ERROR boom Bearer {JWT}\n")
    return apply_stack(config=parse_toml(text, folder=tmp_path), by=SETUP, at=timezone.now()).stack


def waiting(stack: Stack, reporter: User) -> ReportPrefill:
    return ReportPrefill.objects.get(pk=file(stack, reporter)[0].pk)


def test_filing_queues_a_prefill_in_the_same_transaction(stack: Stack, reporter: User) -> None:
    report, _ = file(stack, reporter)
    row = ReportPrefill.objects.get()
    assert (row.pk, row.state, row.fields) == (report.pk, "waiting", {})
    assert {one.state for one in prefill_of(report).values()} == {Found.WAITING}


@pytest.mark.django_db(transaction=True)
def test_the_doorbell_is_rung_after_the_commit(stack: Stack, reporter: User, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, Any]] = []
    monkeypatch.setattr("diagnostics.queue._bell.ring", lambda task, **ids: sent.append((task, ids)))
    with transaction.atomic():
        report, _ = file(stack, reporter)
        assert sent == []
    assert (queue.PREFILL_REPORT, {"report_id": report.pk}) in sent


def test_in_a_storm_of_reports_about_one_stack_some_rings_do(rung: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 10.05, 10.06, 10.2])
    monkeypatch.setattr("awe_incidents.incidents.queue.time.monotonic", lambda: next(clock))
    storm = queue._Storm()
    for report_id, stack_id in ((1, 1), (2, 1), (3, 2), (4, 1)):
        storm.ring(report_id, stack_id)
    assert rung == [1, 3, 4]  # the second is rung for by whoever has answered the first


def test_what_the_stack_knows_is_collected_beside_what_was_written(logging_stack: Stack, reporter: User) -> None:
    report, _ = file(logging_stack, reporter)
    before = BugReport.objects.values().get()
    operations.prefill_report(report_id=report.pk)
    assert BugReport.objects.values().get() == before
    found = prefill_of(BugReport.objects.get())
    assert (found["environment"].state, found["environment"].text) == (Found.CAPTURED, "Development")
    assert found["environment"].source == "the stack's description"
    assert found["docker_compose_version"].state is Found.UNAVAILABLE
    assert "Docker Compose does not run it" in found["docker_compose_version"].note
    logs = found["container_logs"]
    assert "ERROR boom" in logs.text
    assert JWT not in logs.text
    assert logs.redactions == {"jwt": 1} or sum(logs.redactions.values()) == 1
    assert logs.captured_at is not None
    assert abs(logs.captured_at - timezone.now()) < timedelta(minutes=1)
    entry = Entry.objects.get(verb="bug_report:prefilled")
    assert entry.incident_id == report.incident_id
    assert b"boom" not in bytes(entry.body)


def test_a_capture_that_hangs_is_killed_and_the_others_stay(
    stack: Stack, reporter: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CAPTURES, "docker_compose_version", CAPTURES["docker_compose_version"]._replace(seconds=0.5))
    container = PLAIN_STACK.replace('"process"', '"container"')
    container += '\n[engine]\nurl = "unix:///nowhere.sock"\nproject = "x"\n'
    apply_stack(config=parse_toml(container, folder=tmp_path), by=SETUP, at=timezone.now())
    stack.refresh_from_db()
    report, _ = file(stack, reporter)
    with looks.instead_of_docker(tmp_path, "sleep 60"):
        began = time.monotonic()
        operations.prefill_report(report_id=report.pk)
        assert time.monotonic() - began < 5
    found = prefill_of(BugReport.objects.get())
    assert found["docker_compose_version"].reason == "no answer within 0.5 s; the capture was stopped"
    assert found["environment"].text == "Development"
    assert "unix:///nowhere.sock" in found["container_logs"].reason


def test_a_second_worker_is_refused_and_a_late_one_stores_nothing(stack: Stack, reporter: User) -> None:
    row = waiting(stack, reporter)
    claim = prefilling.claim_prefill(report_id=row.pk)
    with pytest.raises(AlreadyClaimed):
        prefilling.claim_prefill(report_id=row.pk)
    ReportPrefill.objects.update(lease_until=Now() - seconds(1))
    again = prefilling.claim_prefill(report_id=row.pk)
    fields = {"environment": {"text": "x", "reason": ""}}
    assert not prefilling.store_prefill(row=claim, fields=fields, at=timezone.now())
    assert prefilling.store_prefill(row=again, fields=fields, at=timezone.now())
    assert not prefilling.store_prefill(row=again, fields=fields, at=timezone.now())
    assert Entry.objects.filter(verb="bug_report:prefilled").count() == 1
    with pytest.raises(AlreadyClaimed):
        operations.prefill_report(report_id=row.pk)


def test_one_stack_holds_few_places_and_the_next_is_rung_when_one_is_free(
    stack: Stack, reporter: User, rung: list[int]
) -> None:
    rows = [waiting(stack, reporter) for _ in range(3)]
    first, _ = (prefilling.claim_prefill(report_id=row.pk) for row in rows[:2])
    with pytest.raises(AlreadyClaimed, match="2 reports about stack plain"):
        prefilling.claim_prefill(report_id=rows[2].pk)
    prefilling.store_prefill(row=first, fields={"environment": {"text": "x", "reason": ""}}, at=timezone.now())
    assert rung == [rows[2].pk]
    assert prefilling.claim_prefill(report_id=rows[2].pk).fence == 1


def test_the_sweeper_rings_again_for_what_was_lost(stack: Stack, reporter: User, rung: list[int]) -> None:
    row = waiting(stack, reporter)
    sweep(at=timezone.now())
    assert rung == []  # the doorbell may still be on its way
    ReportPrefill.objects.update(rung_at=Now() - seconds(10))
    sweep(at=timezone.now())
    sweep(at=timezone.now())
    assert rung == [row.pk]


def test_a_report_that_takes_workers_with_it_is_given_up(stack: Stack, reporter: User, rung: list[int]) -> None:
    row = waiting(stack, reporter)
    for _ in range(prefilling.MAX_CLAIMS):
        prefilling.claim_prefill(report_id=row.pk)
        ReportPrefill.objects.update(lease_until=Now() - seconds(1), rung_at=Now() - seconds(10))
    sweep(at=timezone.now())
    assert rung == []
    found = prefill_of(BugReport.objects.get())
    assert {one.reason for one in found.values()} == {"3 workers were lost while they captured it; not tried again"}


def test_a_stack_that_cannot_be_read_is_the_reason(stack: Stack, reporter: User) -> None:
    report, _ = file(stack, reporter)
    Stack.objects.update(document={"schema": 0})
    operations.prefill_report(report_id=report.pk)
    found = prefill_of(BugReport.objects.get())
    assert all("manage.py apply_stack" in one.reason for one in found.values())


def test_a_report_of_before_says_so(db: None) -> None:
    found = prefill_of(BugReport(pk=17))  # whose row was never made
    assert {one.reason for one in found.values()} == {"the report was filed before the service collected anything"}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE incidents_reportprefill SET state = 'collected'",
        "UPDATE incidents_reportprefill SET fields = '{\"a\": 1}'",
        "UPDATE incidents_reportprefill SET state = 'lost'",
    ],
)
def test_the_database_keeps_prefills_whole(stack: Stack, reporter: User, statement: str) -> None:
    file(stack, reporter)
    with pytest.raises((IntegrityError, DatabaseError)), transaction.atomic():
        connection.cursor().execute(statement)


def test_a_prefill_lies_in_the_month_of_its_report(stack: Stack, reporter: User) -> None:
    report, _ = file(stack, reporter)
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM incidents_reportprefill WHERE id = %s", [report.pk])
        assert cursor.fetchone() == (f"incidents_reportprefill_{report.pk // 10**9}",)
