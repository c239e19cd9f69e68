"""What a stack's retention does not keep goes, by one way only, and everything says so; what is held stays."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor, command
from awe_incidents.audit.models import Entry
from awe_incidents.growth import operations as growth
from awe_incidents.incidents import tasks
from awe_incidents.incidents.attachments import Upload
from awe_incidents.incidents.models import (
    Attachment,
    AttachmentContent,
    BugReport,
    Incident,
    IncidentWords,
    RemovedReport,
    ReportRevision,
    TimelineEntry,
)
from awe_incidents.incidents.operations import (
    Filed,
    apply_retention,
    file_bug_report,
    move_incident,
    retention,
    revise_bug_report,
)
from awe_incidents.incidents.states import AttachmentKind
from awe_incidents.monthly import first_id, month_of, months_later
from diagnostics.checks.result import State
from diagnostics.models import CheckResult, Evidence, EvidenceText, Run, Stack
from diagnostics.operations import apply_stack
from diagnostics.operations.runs import close_run
from diagnostics.stack import parse_toml
from diagnostics.stack.config import Retention, Schedule
from tests import database
from tests.conftest import PLAIN_STACK, client_of
from tests.triage.world import Answer, answer_one, begin

DAY = timedelta(days=1)
FIELDS = {"environment": "Development", "actual_behavior": "Everything hangs since noon."}


def actor(user: User) -> Actor:
    return Actor(kind="user", name=user.username, user_id=user.pk)


def file(stack: Stack, user: User, *, days_ago: float, uploads: tuple[Upload, ...] = ()) -> Filed:
    """File a report, let one check answer with evidence and end the run, as if so many days ago."""
    at = timezone.now() - days_ago * DAY
    filed = file_bug_report(
        stack=stack, fields=FIELDS, reporter=user, by=actor(user), at=at, uploads=uploads, new_incident=True
    )
    run = begin(filed.run)
    first = CheckResult.objects.filter(run=run, progress="ready").order_by("slug")[0]
    assert answer_one(run, {first.slug: Answer(State.FAIL, "seen", content=f"seen in run {run.pk}\n" * 15)})
    assert close_run(run_id=run.pk, code="run.deadline", message="enough", at=at + timedelta(minutes=1))
    return filed


def close(filed: Filed, user: User) -> None:
    for action in ("resolve", "close"):
        now = timezone.now()
        move_incident(
            incident=filed.report.incident,
            action=action,
            user=user,
            by=actor(user),
            at=now,
            because="It is mended.",
            despite_failed_checks="Nobody looked again.",
        )


@pytest.fixture
def old(stack: Stack, reporter: User, operator: User) -> Filed:
    """A report of 401 days ago, with its run, whose incident is closed."""
    filed = file(stack, reporter, days_ago=401)
    close(filed, operator)
    return filed


def test_what_is_older_than_its_retention_goes_and_the_rest_stays(
    stack: Stack, reporter: User, operator: User, old: Filed
) -> None:
    young = file(stack, reporter, days_ago=399)
    close(young, operator)
    results = CheckResult.objects.filter(run=old.run).count()

    removed = apply_retention(at=timezone.now())

    assert (removed.runs, removed.results, removed.evidence, removed.reports) == (1, results, 1, 1)
    assert not BugReport.objects.filter(pk=old.report.pk).exists()
    assert not CheckResult.objects.filter(run=old.run).exists()
    assert BugReport.objects.filter(pk=young.report.pk).exists()
    assert CheckResult.objects.filter(run=young.run).exists()
    assert Evidence.objects.count() == EvidenceText.objects.count() == 1
    assert Incident.objects.count() == 2
    assert Run.objects.count() == 2


def test_doing_it_again_removes_and_records_nothing(old: Filed) -> None:
    assert apply_retention(at=timezone.now())
    before = Entry.objects.count()
    assert not apply_retention(at=timezone.now())
    tasks.apply_retention(unknown="keyword")
    assert Entry.objects.count() == before


def test_the_trail_tells_of_each_act(stack: Stack, old: Filed) -> None:
    apply_retention(at=timezone.now())

    entry = Entry.objects.get(verb="retention:applied")
    body = json.loads(bytes(entry.body))
    assert body["subject"] == {"type": "stack", "id": str(stack.pk)}
    assert body["actor"]["kind"] == "service"
    data = body["data"]
    assert (data["days"], data["runs"], data["reports"], data["evidence"]) == (400, 1, 1, 1)
    assert data["digest"] == retention._digest([{"run": old.run.pk}], [{"id": old.report.pk}])


def test_histories_runs_and_incidents_say_what_is_gone(operator: User, reporter: User, old: Filed) -> None:
    at = timezone.now()
    apply_retention(at=at)

    incident = Incident.objects.get()
    assert incident.reports_removed_at == at
    lines = TimelineEntry.objects.filter(incident=incident, kind="removed").order_by("id")
    assert [line.text for line in lines] == [
        f"Bug report {old.report.pk} removed by retention, which keeps them for 400 days",
        f"Results of run {old.run.pk} removed by retention, which keeps them for 400 days",
    ]
    client, day = client_of(operator), f"{at:%Y-%m-%d}"
    run = client.get(f"/api/v1/runs/{old.run.pk}/").json()
    assert (run["results"], run["results_removed_at"][:10]) == ([], day)
    assert client.get(f"/api/v1/incidents/{incident.pk}/").json()["reports_removed_at"][:10] == day
    for path in ("", "revisions/", "revisions/1/", "attachments/"):
        answer = client.get(f"/api/v1/bug-reports/{old.report.pk}/{path}")
        assert answer.status_code == 410, path
        assert answer.json()["type"].endswith("/removed-by-retention/")
        assert day in answer.json()["detail"]
    assert client_of(reporter).get(f"/api/v1/bug-reports/{old.report.pk}/").status_code == 410
    assert client.get(f"/api/v1/bug-reports/?incident={incident.pk}").json()["results"] == []


def test_others_learn_nothing_of_a_removed_report(old: Filed, other_reporter: User) -> None:
    apply_retention(at=timezone.now())
    assert client_of(other_reporter).get(f"/api/v1/bug-reports/{old.report.pk}/").status_code == 404


def test_evidence_that_is_gone_is_not_found(old: Filed, operator: User) -> None:
    piece = Evidence.objects.get()
    apply_retention(at=timezone.now())
    for path in ("", "text/"):
        assert client_of(operator).get(f"/api/v1/evidence/{piece.pk}/{path}").status_code == 404


def test_the_reporter_still_sees_and_finds_the_incident_by_its_title_only(old: Filed, reporter: User) -> None:
    apply_retention(at=timezone.now())

    client = client_of(reporter)
    assert client.get(f"/api/v1/incidents/{old.report.incident_id}/").status_code == 200
    words = str(IncidentWords.objects.get().words)
    assert "hangs" in words


@pytest.mark.parametrize("action", [None, "acknowledge"])
def test_what_belongs_to_an_open_incident_is_held(
    stack: Stack, reporter: User, operator: User, action: str | None
) -> None:
    filed = file(stack, reporter, days_ago=900)
    if action:
        by, at = actor(operator), timezone.now()
        move_incident(incident=filed.report.incident, action=action, user=operator, by=by, at=at)

    assert not apply_retention(at=timezone.now())
    assert BugReport.objects.count() == 1
    assert Evidence.objects.count() == 1
    close(filed, operator)
    assert apply_retention(at=timezone.now()).reports == 1


def test_what_was_reopened_is_held_again(old: Filed, operator: User) -> None:
    by, at = actor(operator), timezone.now()
    move_incident(incident=old.report.incident, action="reopen", user=operator, by=by, at=at, because="Again.")
    assert not apply_retention(at=timezone.now())


def test_each_stack_has_its_own_retention(stack: Stack, reporter: User, operator: User, tmp_path: Path) -> None:
    text = PLAIN_STACK.replace('"plain"', '"brief"') + "[retention]\ndays = 30\n"
    brief = apply_stack(config=parse_toml(text, folder=tmp_path), by=command("x"), at=timezone.now()).stack
    for one in (stack, brief):
        close(file(one, reporter, days_ago=31), operator)

    assert apply_retention(at=timezone.now()).reports == 1
    assert BugReport.objects.get().stack == stack
    assert RemovedReport.objects.get().incident.stack == brief


def test_a_report_that_was_revised_lately_is_young_and_goes_with_its_revisions_then(old: Filed, reporter: User) -> None:
    recently = timezone.now() - 10 * DAY
    report = revise_bug_report(
        report=old.report,
        changes={"actual_behavior": "It still hangs."},
        user=reporter,
        by=actor(reporter),
        at=recently,
    )
    assert apply_retention(at=timezone.now()).reports == 0
    assert apply_retention(at=timezone.now() + 391 * DAY).reports == 0, "the database's own clock decides"
    assert ReportRevision.objects.filter(report=report.pk).count() == 1


def test_attachments_and_their_contents_go_with_their_report(stack: Stack, reporter: User, operator: User) -> None:
    upload = Upload(place="file", kind=AttachmentKind.TEXT, file_name="app.log", content=b"one line\n")
    gone = file(stack, reporter, days_ago=401, uploads=(upload,))
    close(gone, operator)
    kept = file(stack, reporter, days_ago=1, uploads=(upload,))

    assert apply_retention(at=timezone.now()).attachments == 1
    assert Attachment.objects.get().report_id == kept.report.pk
    assert AttachmentContent.objects.count() == 1, "the young report has the same text"
    Attachment.objects.all().delete()
    assert growth.collect_contents(at=timezone.now()) == 1


def test_nothing_that_belongs_to_a_report_outlives_it(stack: Stack, reporter: User, operator: User) -> None:
    """Whoever adds a table that points at reports is told here to let retention remove its rows."""
    upload = Upload(place="file", kind=AttachmentKind.TEXT, file_name="app.log", content=b"one line\n")
    filed = file(stack, reporter, days_ago=500, uploads=(upload,))
    changes, by, at = {"actual_behavior": "It still hangs."}, actor(reporter), timezone.now() - 450 * DAY
    revise_bug_report(report=filed.report, changes=changes, user=reporter, by=by, at=at)
    close(filed, operator)
    belonging = [one.field for one in BugReport._meta.related_objects]
    assert all(field.model._default_manager.filter(**{field.name: filed.report.pk}).exists() for field in belonging)

    apply_retention(at=timezone.now())

    assert not any(field.model._default_manager.filter(**{field.name: filed.report.pk}).exists() for field in belonging)


def test_a_text_that_others_cite_stays(stack: Stack, reporter: User, operator: User, old: Filed) -> None:
    shared = Evidence.objects.get()
    young = file(stack, reporter, days_ago=1)
    Evidence.objects.filter(result__run=young.run).update(text=shared.text)
    apply_retention(at=timezone.now())
    assert EvidenceText.objects.filter(pk=shared.text_id).exists()


def test_large_amounts_go_in_batches(
    stack: Stack, reporter: User, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for _ in range(5):
        close(file(stack, reporter, days_ago=401), operator)

    assert apply_retention(at=timezone.now(), for_seconds=0).reports == 2, "a round stops when its time is up"
    out = StringIO()
    call_command("apply_retention", stdout=out)
    assert "Removed 3 runs" in out.getvalue()
    assert Entry.objects.filter(verb="retention:applied").count() == 3


def test_the_default_is_the_same_in_the_database_and_in_the_description(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT retention_days('{}'), retention_days('{\"retention\": {\"days\": 7}}')")
        assert cursor.fetchone() == (Retention().days, 7)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM incidents_bugreport",
        "DELETE FROM incidents_reportrevision",
        "DELETE FROM incidents_reportprefill",
        "DELETE FROM diagnostics_checkresult",
        "DELETE FROM diagnostics_evidence",
        "DELETE FROM incidents_timelineentry",
        "DELETE FROM incidents_removedreport",
        "UPDATE incidents_removedreport SET removed_at = now()",
        "TRUNCATE diagnostics_evidence",
    ],
)
def test_there_is_no_other_way(old: Filed, statement: str) -> None:
    with pytest.raises(DatabaseError, match=r"permission denied|append-only"), transaction.atomic():
        connection.cursor().execute(statement)


def test_the_way_leads_to_nothing_that_is_young_or_held(stack: Stack, reporter: User, operator: User) -> None:
    """Whoever has the application's rights and calls the functions with every id there is gets no further."""
    young = file(stack, reporter, days_ago=399)
    close(young, operator)
    file(stack, reporter, days_ago=900)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM remove_reports(ARRAY(SELECT id FROM incidents_bugreport))")
        assert cursor.fetchall() == []
        cursor.execute("SELECT * FROM remove_results(ARRAY(SELECT id FROM diagnostics_run))")
        assert cursor.fetchall() == []
    assert BugReport.objects.count() == 2
    assert Evidence.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_one_who_reopens_meanwhile_comes_before_or_after(stack: Stack, reporter: User, operator: User) -> None:
    filed = file(stack, reporter, days_ago=401)
    close(filed, operator)
    removed: list[retention.Removed] = []

    def remove() -> None:
        try:
            removed.append(apply_retention(at=timezone.now()))
        finally:
            connection.close()

    removing = threading.Thread(target=remove)
    with transaction.atomic():
        by, at = actor(operator), timezone.now()
        move_incident(
            incident=filed.report.incident, action="reopen", user=operator, by=by, at=at, because="It is back."
        )
        removing.start()
        removing.join(0.5)
        assert removing.is_alive(), "it waits for the incident"
    removing.join(10)
    assert not removed[0]
    assert BugReport.objects.filter(pk=filed.report.pk).exists()


@pytest.fixture
def owner(transactional_db: None) -> Iterator[psycopg.Connection]:
    """The owner of the tables."""
    with database.superuser().connect(str(connection.settings_dict["NAME"])) as opened:
        opened.execute("SET role incidents_owner")
        yield opened


def months_there(owner: psycopg.Connection) -> set[str]:
    return {name for (name,) in owner.execute("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'")}


def test_a_month_is_dropped_when_its_last_row_is_gone(
    owner: psycopg.Connection, stack: Stack, reporter: User, operator: User
) -> None:
    now, long_ago = timezone.now(), months_later(month_of(timezone.now()), -14)
    growth.make_months(at=now, back=15)
    filed = file(stack, reporter, days_ago=420)
    close(filed, operator)
    owner.execute("UPDATE incidents_bugreport SET id = %s", [first_id(long_ago) + 7])

    with growth.empty_months_kept():
        pass
    assert growth.drop_empty_months() > 0
    assert f"incidents_bugreport_{long_ago}" in months_there(owner)
    assert f"diagnostics_evidence_{long_ago}" not in months_there(owner)

    assert apply_retention(at=now).reports == 1
    assert growth.drop_empty_months() == 1
    assert f"incidents_bugreport_{long_ago}" not in months_there(owner)
    assert f"incidents_bugreport_{month_of(now)}" in months_there(owner)
    assert growth.drop_empty_months() == 0


def test_months_that_are_being_filled_are_not_dropped(owner: psycopg.Connection, stack: Stack) -> None:
    growth.make_months(at=timezone.now(), back=5)
    owner.execute("SELECT pg_advisory_lock_shared('pg_inherits'::regclass::oid::int, 1)")  # somebody else is filling
    assert growth.drop_empty_months() == 0
    owner.execute("SELECT pg_advisory_unlock_shared('pg_inherits'::regclass::oid::int, 1)")
    assert growth.drop_empty_months() > 0


def test_the_desk_says_what_is_gone(old: Filed, operator: User) -> None:
    apply_retention(at=timezone.now())
    client = Client()
    operator.is_staff = True
    operator.save()
    client.force_login(operator)
    day = f"{timezone.now():%Y-%m-%d}"

    page = client.get(f"/admin/incidents/bugreport/{old.report.pk}/change/")
    assert page.status_code == 410
    assert f"removed by retention on {day}" in page.content.decode()
    incident = client.get(f"/admin/incidents/incident/{old.report.incident_id}/change/").content.decode()
    assert "Bug reports were removed by retention on" in incident
    assert "Results and evidence were removed by retention on" in incident
    assert client.get(f"/admin/diagnostics/run/{old.run.pk}/change/").status_code == 200


def test_the_days_of_scheduled_runs_are_the_same_in_the_database_and_in_the_description(db: None) -> None:
    brief = '{"schedule": {"keep_days": 30}, "retention": {"days": 7}}'
    with connection.cursor() as cursor:
        cursor.execute("SELECT schedule_days('{}'), schedule_days(%s)", [brief])
        assert cursor.fetchone() == (Schedule(every_minutes=1).keep_days, 7)
