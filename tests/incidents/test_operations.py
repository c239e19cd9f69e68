"""Filing and moving incidents."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.actor import Actor
from awe_incidents.audit.models import Disclosure, Entry
from awe_incidents.incidents import operations, queries
from awe_incidents.incidents.errors import (
    ReasonRequired,
    ReportInvalid,
    RoleRequired,
    StaleVersion,
    TransitionNotAllowed,
)
from awe_incidents.incidents.models import BugReport, Incident, TimelineEntry
from diagnostics.models import Run, Stack
from diagnostics.operations import apply_stack
from diagnostics.stack import parse_toml
from tests.conftest import PLAIN_STACK

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSIsImV4cCI6MTc2MDAwMDAwMH0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
FIELDS = {
    "environment": "Production",
    "container_logs": f"api | Authorization: Bearer {JWT}",
    "actual_behavior": "502 for everybody",
}


def actor(user: User) -> Actor:
    return Actor(kind="user", name=user.username, user_id=user.pk)


def file(stack: Stack, user: User, **fields: str) -> tuple[BugReport, Run]:
    """File a report with an incident of its own; tests of joining have their own file."""
    filed = operations.file_bug_report(
        stack=stack, fields=FIELDS | fields, reporter=user, by=actor(user), at=timezone.now(), new_incident=True
    )
    return filed.report, filed.run


def test_filing_opens_an_incident_writes_history_and_trail_and_queues_a_run(stack: Stack, reporter: User) -> None:
    report, run = file(stack, reporter)

    assert report.incident.title == "502 for everybody"
    assert [entry.kind for entry in TimelineEntry.objects.order_by("id")] == ["opened", "report_filed", "run_requested"]
    verbs = Entry.objects.filter(incident_id=report.incident_id).order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["bug_report:filed", "incident:opened", "run:requested"]
    assert run.state == "queued"


def test_pasted_logs_are_redacted_before_they_are_stored(stack: Stack, reporter: User) -> None:
    report, _ = file(stack, reporter)

    assert JWT not in report.container_logs
    assert "api | Authorization" in report.container_logs
    assert sum(report.redactions["counts"]["container_logs"].values()) == 1


def test_a_secret_of_the_stack_is_removed_from_a_report_by_its_value(db: None, reporter: User, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("Zaunkoenig-auf-dem-Dach\n")
    described = PLAIN_STACK + '\n[tokens]\nkeys = [{ service = "api", value = "file:key" }]\n'
    stack = apply_stack(config=parse_toml(described, folder=tmp_path), by=actor(reporter), at=timezone.now()).stack

    report, _ = file(stack, reporter, steps_to_reproduce="say Zaunkoenig-auf-dem-Dach three times")

    assert "Zaunkoenig" not in report.steps_to_reproduce
    assert report.steps_to_reproduce.endswith("three times")


def test_a_report_without_what_happened_is_refused_with_every_problem(stack: Stack, reporter: User) -> None:
    with pytest.raises(ReportInvalid) as refused, transaction.atomic():
        file(stack, reporter, environment="prod", actual_behavior="  ")

    assert [field for field, _ in refused.value.problems] == ["environment", "actual_behavior"]
    assert not Incident.objects.exists()


def test_environment_is_taken_in_any_case(stack: Stack, reporter: User) -> None:
    assert file(stack, reporter, environment=" staging\n")[0].environment == "Staging"


def test_an_auditor_may_not_file(stack: Stack, auditor: User) -> None:
    with pytest.raises(RoleRequired):
        file(stack, auditor)


def test_a_reporter_sees_own_reports_and_their_incidents_only(
    stack: Stack, reporter: User, other_reporter: User, operator: User
) -> None:
    mine, my_run = file(stack, reporter)
    theirs, their_run = file(stack, other_reporter)

    assert list(queries.visible_incidents(reporter)) == [mine.incident]
    assert list(queries.visible_reports(reporter)) == [mine]
    assert list(queries.visible_runs(reporter)) == [my_run]
    assert set(queries.visible_runs(operator)) == {my_run, their_run}
    assert theirs not in queries.visible_reports(reporter)


def test_a_history_does_not_tell_a_reporter_of_other_peoples_reports(
    stack: Stack, reporter: User, other_reporter: User
) -> None:
    mine, _ = file(stack, reporter)
    theirs, _ = file(stack, other_reporter)
    BugReport.objects.filter(pk=theirs.pk).update(incident_id=mine.incident_id)
    TimelineEntry.objects.create(
        incident=mine.incident,
        kind="report_filed",
        text="another",
        actor="user:x",
        data={"report": theirs.pk},
        occurred_at=timezone.now(),
    )

    seen = queries.visible_timeline(mine.incident, reporter).values_list("text", flat=True)

    assert "another" not in seen


def test_steps_follow_the_table(stack: Stack, reporter: User, operator: User) -> None:
    incident = file(stack, reporter)[0].incident

    def move(action: str, because: str = "", version: int | None = None) -> Incident:
        return operations.move_incident(
            incident=incident,
            action=action,
            user=operator,
            by=actor(operator),
            at=timezone.now(),
            because=because,
            version=version,
        )

    assert move("acknowledge").state == "acknowledged"
    with pytest.raises(TransitionNotAllowed, match="one can resolve, not acknowledge"):
        move("acknowledge")
    with pytest.raises(ReasonRequired):
        move("resolve")
    with pytest.raises(StaleVersion):
        move("resolve", because="certificate renewed", version=1)
    assert move("resolve", because="certificate renewed", version=2).state == "resolved"
    assert move("close").state == "closed"
    assert move("reopen", because="it is back").state == "open"


def test_a_reason_is_redacted_and_kept_as_a_commitment(stack: Stack, reporter: User, operator: User) -> None:
    incident = file(stack, reporter)[0].incident

    operations.move_incident(
        incident=incident,
        action="resolve",
        user=operator,
        by=actor(operator),
        at=timezone.now(),
        because=f"token {JWT} was old",
    )

    entry = Entry.objects.get(verb="incident:resolved")
    assert JWT not in Disclosure.objects.get(entry=entry, field="because").value
    assert b"was old" not in bytes(entry.body)


def test_a_reporter_may_not_triage(stack: Stack, reporter: User) -> None:
    incident = file(stack, reporter)[0].incident
    with pytest.raises(RoleRequired):
        operations.move_incident(
            incident=incident, action="acknowledge", user=reporter, by=actor(reporter), at=timezone.now()
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE incidents_bugreport SET actual_behavior = 'nothing'",
        "DELETE FROM incidents_bugreport",
        "UPDATE incidents_timelineentry SET text = 'nothing'",
        "DELETE FROM incidents_timelineentry",
        "TRUNCATE incidents_timelineentry",
        "UPDATE audit_entry SET verb = 'x'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry CASCADE",
        "UPDATE audit_disclosure SET value = 'x'",
        "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
        "SET ROLE incidents_owner",
        "SET session_replication_role = replica",
    ],
)
def test_the_database_refuses_to_change_what_is_fixed(stack: Stack, reporter: User, statement: str) -> None:
    file(stack, reporter)
    with pytest.raises(DatabaseError, match=r"permission denied|must be owner|append-only"), transaction.atomic():
        connection.cursor().execute(statement)
