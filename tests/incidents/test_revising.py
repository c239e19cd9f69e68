"""Corrections of bug reports: what was filed stays, what it says now follows, and nobody overwrites anybody."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Disclosure, Entry
from awe_incidents.incidents import operations, queries
from awe_incidents.incidents.errors import (
    NothingChanged,
    ReportInvalid,
    RoleRequired,
    StaleVersion,
    TooManyRevisions,
)
from awe_incidents.incidents.models import BugReport, Incident, ReportRevision, TimelineEntry
from awe_incidents.incidents.operations import revising
from diagnostics.models import Stack
from tests.incidents.test_operations import FIELDS, JWT, actor, file


def revise(
    report: BugReport, user: User, *, because: str = "", version: int | None = None, **changes: Any
) -> BugReport:
    return operations.revise_bug_report(
        report=report,
        changes=changes,
        user=user,
        by=actor(user),
        at=timezone.now(),
        because=because,
        version=version,
    )


def test_a_revision_leaves_what_was_filed(stack: Stack, reporter: User) -> None:
    filed, _ = file(stack, reporter)
    logs, before = filed.container_logs, _columns(filed)
    revised = revise(filed, reporter, steps_to_reproduce="1. log in\n2. wait", because="forgot the steps")
    assert (revised.revision, revised.latest.steps_to_reproduce) == (2, "1. log in\n2. wait")
    assert revised.latest.container_logs == logs
    assert {name for name, value in _columns(filed).items() if value != before[name]} == {"current_id", "completeness"}
    (revision,) = ReportRevision.objects.all()
    assert (revision.number, revision.author, revision.because, revision.changed) == (
        *(2, reporter, "forgot the steps"),
        ["steps_to_reproduce"],
    )


def _columns(report: BugReport) -> dict[str, Any]:
    return dict(BugReport.objects.values().get(pk=report.pk))


def test_what_is_lacking_follows_the_current_revision(stack: Stack, reporter: User) -> None:
    filed, _ = file(stack, reporter)
    better = revise(filed, reporter, steps_to_reproduce="1. log in\n2. wait")
    assert better.completeness == filed.completeness + 20
    worse = revise(better, reporter, container_logs="")
    assert worse.completeness == better.completeness - 20
    incident = queries.visible_incidents(reporter).get(pk=filed.incident_id)
    assert vars(incident)["completeness"] == worse.completeness
    assert [one.completeness for one in queries.revisions_of(worse)] == [
        *(worse.completeness, better.completeness),
        filed.completeness,
    ]


def test_an_incident_is_found_by_what_its_report_says_now(stack: Stack, reporter: User) -> None:
    filed, _ = file(stack, reporter)
    version = filed.incident.version
    revise(filed, reporter, actual_behavior="504 for everybody\nsince noon")
    incident = Incident.objects.get()
    assert (incident.title, incident.version) == ("504 for everybody", version + 1)
    revise(filed, reporter, actual_behavior="504 for everybody\nsince one")
    incident.refresh_from_db()
    assert incident.version == version + 1


def test_a_title_that_is_not_the_reports_stays(stack: Stack, reporter: User) -> None:
    filed, _ = file(stack, reporter)
    Incident.objects.update(title="everything is down")
    revise(filed, reporter, actual_behavior="504 for everybody")
    assert Incident.objects.get().title == "everything is down"


def test_new_text_is_redacted_and_what_stays_is_not_redacted_again(stack: Stack, reporter: User) -> None:
    filed, _ = file(stack, reporter)
    counts = filed.redactions["counts"]
    revised = revise(filed, reporter, actual_behavior=f"502 with Bearer {JWT}")
    assert JWT not in revised.latest.actual_behavior
    assert revised.latest.redactions["counts"]["container_logs"] == counts["container_logs"]
    assert revised.latest.redactions["counts"]["actual_behavior"]
    assert revised.latest.container_logs == filed.container_logs
    gone = revise(revised, reporter, container_logs="")
    assert "container_logs" not in gone.latest.redactions["counts"]


def test_a_reason_is_redacted_and_told_in_history_and_trail(stack: Stack, reporter: User) -> None:
    filed, _ = file(stack, reporter)
    revise(filed, reporter, container_logs="api | none", because=f"it held Bearer {JWT}")
    line = TimelineEntry.objects.get(kind="report_revised")
    assert line.text.startswith(f"Bug report {filed.pk} revised (container logs): it held")
    assert line.data == {"report": filed.pk, "revision": 2}
    entry = Entry.objects.get(verb="bug_report:revised")
    told = Disclosure.objects.get(entry=entry, field="because").value
    assert entry.incident_id == filed.incident_id
    assert all(JWT not in text for text in (line.text, told, bytes(entry.body).decode()))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"actual_behavior": "502 for everybody"},
        {"environment": " production "},
        dict(FIELDS),
        {"container_logs": f"api | Authorization: Bearer {JWT}"},
    ],
)
def test_saying_the_same_again_is_refused(stack: Stack, reporter: User, changes: dict[str, Any]) -> None:
    filed, _ = file(stack, reporter)
    with pytest.raises(NothingChanged):
        revise(filed, reporter, **changes)
    assert not ReportRevision.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"actual_behavior": " "}, "actual_behavior"),
        ({"environment": "Mars"}, "environment"),
        ({"container_logs": "x" * 1_000_001}, "container_logs"),
    ],
)
def test_a_revision_keeps_the_rules_of_filing(
    stack: Stack, reporter: User, changes: dict[str, Any], field: str
) -> None:
    filed, _ = file(stack, reporter)
    with pytest.raises(ReportInvalid) as refused:
        revise(filed, reporter, **changes)
    assert [name for name, _ in refused.value.problems] == [field]


def test_an_environment_may_be_left_to_the_stack_and_named_later(stack: Stack, reporter: User) -> None:
    filed, _ = file(stack, reporter, environment="")
    assert (filed.environment, filed.environment_source) == ("Development", "stack")
    assert {"section": "environment", "code": "missing", "weight": 5} in filed.lint
    named = revise(filed, reporter, environment="development")
    assert (named.latest.environment, named.latest.environment_source) == ("Development", "reporter")
    assert named.latest.lint == [flaw for flaw in filed.lint if flaw["section"] != "environment"]
    assert revise(named, reporter, environment="").latest.environment_source == "stack"


def test_only_the_reporter_and_operators_revise(
    stack: Stack, reporter: User, other_reporter: User, operator: User, auditor: User, approver: User
) -> None:
    filed, _ = file(stack, reporter)
    for person in (other_reporter, auditor, approver):
        with pytest.raises(RoleRequired):
            revise(filed, person, container_logs="api | x")
    assert revise(filed, operator, container_logs="api | x").revision == 2
    User.objects.filter(pk=reporter.pk).update(roles=[])
    reporter.refresh_from_db()
    with pytest.raises(RoleRequired):
        revise(filed, reporter, container_logs="api | y")


def test_a_stale_revision_is_refused(stack: Stack, reporter: User) -> None:
    filed, _ = file(stack, reporter)
    revise(filed, reporter, container_logs="api | x", version=1)
    with pytest.raises(StaleVersion, match="at version 2, not 1"):
        revise(filed, reporter, container_logs="api | y", version=1)
    assert revise(filed, reporter, container_logs="api | y", version=2).revision == 3


def test_there_is_a_last_revision(stack: Stack, reporter: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revising, "MAX_REVISIONS", 2)
    filed, _ = file(stack, reporter)
    revise(filed, reporter, container_logs="api | x")
    with pytest.raises(TooManyRevisions, match="at most 2"):
        revise(filed, reporter, container_logs="api | y")


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_wins_and_the_others_are_refused(stack: Stack, reporter: User, operator: User) -> None:
    """Revisions and moves alike: all of them decided on the report as it was filed."""
    filed, _ = file(stack, reporter)
    outcomes: list[Any] = []
    barrier = threading.Barrier(8)

    def attempt(number: int) -> None:
        barrier.wait()
        try:
            if number % 2:
                outcomes.append(revise(filed, reporter, container_logs=f"api | {number}", version=1).version)
            else:
                outcomes.append(_move(filed, operator, version=1).version)
        except StaleVersion as refused:
            outcomes.append(refused)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(2) == 1, outcomes
    assert sum(isinstance(one, StaleVersion) for one in outcomes) == 7
    assert BugReport.objects.get().version == 2


def _move(report: BugReport, user: User, *, version: int) -> BugReport:
    return operations.move_bug_report(
        report=report, to=None, user=user, by=actor(user), at=timezone.now(), because="another", version=version
    )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE incidents_reportrevision SET actual_behavior = 'nothing'",
        "UPDATE incidents_reportrevision SET author_id = author_id",
        "DELETE FROM incidents_reportrevision",
        "TRUNCATE incidents_reportrevision",
        "UPDATE incidents_bugreport SET lint = '[]'",
        "UPDATE incidents_bugreport SET container_logs = ''",
    ],
)
def test_the_database_keeps_revisions_as_they_are(stack: Stack, reporter: User, statement: str) -> None:
    revise(file(stack, reporter)[0], reporter, container_logs="api | x")
    with pytest.raises(DatabaseError, match=r"permission denied|append-only"), transaction.atomic():
        connection.cursor().execute(statement)


def test_not_even_the_owner_changes_a_revision(stack: Stack, reporter: User) -> None:
    """Found in the catalog, as tests act with the application's role: the trigger fires for every role."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'incidents_reportrevision'::regclass"
            " AND NOT tgisinternal ORDER BY tgname"
        )
        assert [name for name, fires in cursor.fetchall() if fires == "A"] == [
            "incidents_reportrevision_no_change",
            "incidents_reportrevision_no_truncate",
        ]
