"""Moving a report: rows, words, runs, histories and trail of both incidents."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Disclosure, Entry
from awe_incidents.incidents import operations, queries
from awe_incidents.incidents.errors import NothingChanged, OtherStack, ReasonRequired, RoleRequired, StaleVersion
from awe_incidents.incidents.models import BugReport, Incident, IncidentWords, TimelineEntry
from diagnostics.models import Stack
from diagnostics.operations import apply_stack
from diagnostics.stack import parse_toml
from tests.conftest import PLAIN_STACK, SETUP
from tests.incidents.test_joining import EXPIRED, EXPIRED_TOO, REDIS, Together, actor, file, step


def move(
    report: BugReport,
    to: Incident | None,
    operator: User,
    *,
    because: str = "another problem",
    version: int | None = None,
) -> BugReport:
    return operations.move_bug_report(
        report=report, to=to, user=operator, by=actor(operator), at=timezone.now(), because=because, version=version
    )


def kinds(incident: Incident) -> list[str]:
    return list(TimelineEntry.objects.filter(incident=incident).order_by("id").values_list("kind", flat=True))


def leads() -> dict[int, int | None]:
    return dict(IncidentWords.objects.filter(is_lead=True).values_list("incident_id", "report_id"))


def test_a_report_moves_with_its_words_and_its_run(
    stack: Stack, reporter: User, other_reporter: User, operator: User
) -> None:
    first, joined = file(stack, reporter, EXPIRED), file(stack, other_reporter, EXPIRED_TOO)
    other = file(stack, reporter, REDIS).report.incident
    source = Incident.objects.get(pk=first.report.incident_id)

    report = move(joined.report, other, operator)

    assert report.incident_id == other.pk
    assert [one.incident_id for one in IncidentWords.objects.filter(report_id=report.pk)] == [other.pk]
    assert list(queries.visible_incidents(other_reporter)) == [other]
    assert joined.run in queries.visible_runs(other_reporter)  # the one that the answer to filing led to
    assert kinds(source)[-1] == "report_moved_away"
    assert kinds(other)[-1] == "report_moved_here"
    assert {
        source.pk: first.report.pk,
        other.pk: BugReport.objects.get(incident=other, reporter=reporter).pk,
    } == leads()


def test_moving_is_recorded_with_its_reason(stack: Stack, reporter: User, operator: User) -> None:
    report, other = file(stack, reporter, EXPIRED).report, file(stack, reporter, REDIS).report.incident
    source = report.incident_id
    move(report, other, operator, because="it is the queue")

    entry = Entry.objects.get(verb="bug_report:moved")
    assert (entry.subject_id, entry.incident_id) == (str(report.pk), other.pk)
    assert Disclosure.objects.get(entry=entry, field="because").value == "it is the queue"
    texts = TimelineEntry.objects.filter(data__report=report.pk, kind__startswith="report_moved").order_by("id")
    assert [line.text for line in texts] == [
        f"Bug report {report.pk} moved to incident {other.pk}: it is the queue",
        f"Bug report {report.pk} moved here from incident {source}: it is the queue",
    ]


def test_an_incident_left_without_a_report_says_so_and_stays(stack: Stack, reporter: User, operator: User) -> None:
    report, other = file(stack, reporter, EXPIRED).report, file(stack, reporter, REDIS).report.incident
    source = report.incident
    move(report, other, operator)

    assert kinds(source)[-2:] == ["report_moved_away", "emptied"]
    assert source not in queries.visible_incidents(reporter)
    assert source in queries.visible_incidents(operator)
    assert file(stack, reporter, EXPIRED).report.incident_id != source.pk  # nobody joins what nobody is on
    assert [one.person_id for one in IncidentWords.objects.filter(incident=source)] == [None]  # but it is found

    move(BugReport.objects.get(pk=report.pk), source, operator)  # and taken up again
    assert [one.report_id for one in IncidentWords.objects.filter(incident=source)] == [report.pk]
    assert leads()[source.pk] == report.pk


def test_a_report_gets_an_incident_of_its_own(
    stack: Stack, reporter: User, other_reporter: User, operator: User
) -> None:
    first, joined = file(stack, reporter, EXPIRED), file(stack, other_reporter, EXPIRED_TOO)

    report = move(joined.report, None, operator)

    assert report.incident_id != first.report.incident_id
    assert report.incident.title == EXPIRED_TOO
    assert report.incident.opened_by == other_reporter  # it bears their words
    assert kinds(report.incident) == ["opened", "report_moved_here"]
    assert leads()[report.incident_id] == report.pk
    verbs = Entry.objects.filter(incident_id=report.incident_id).order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["incident:opened", "bug_report:moved"]


def test_who_is_moved_there_does_not_lead(stack: Stack, reporter: User, operator: User) -> None:
    older, newer = file(stack, reporter, REDIS).report, file(stack, reporter, EXPIRED).report
    move(older, newer.incident, operator)
    assert leads() == {newer.incident_id: newer.pk}
    for action in ("resolve", "reopen"):
        step(newer.incident, action, operator)
    assert leads() == {newer.incident_id: newer.pk}


def test_a_report_may_move_to_what_is_resolved_and_leads_once_it_is_reopened(
    stack: Stack, reporter: User, operator: User
) -> None:
    report, other = file(stack, reporter, EXPIRED).report, file(stack, reporter, REDIS).report
    step(other.incident, "resolve", operator)
    move(report, other.incident, operator)
    assert leads() == {}


@pytest.mark.parametrize("because", ["", "  "])
def test_moving_takes_a_reason(stack: Stack, reporter: User, operator: User, because: str) -> None:
    with pytest.raises(ReasonRequired):
        move(file(stack, reporter, EXPIRED).report, None, operator, because=because)


def test_reporters_do_not_move(stack: Stack, reporter: User) -> None:
    with pytest.raises(RoleRequired):
        move(file(stack, reporter, EXPIRED).report, None, reporter)


def test_a_report_stays_with_its_stack(stack: Stack, reporter: User, operator: User, tmp_path: Path) -> None:
    described = PLAIN_STACK.replace('"plain"', '"other"')
    other = apply_stack(config=parse_toml(described, folder=tmp_path), by=SETUP, at=timezone.now()).stack
    with pytest.raises(OtherStack):
        move(file(stack, reporter, EXPIRED).report, file(other, reporter, EXPIRED).report.incident, operator)


def test_to_where_it_is_already_is_no_move(stack: Stack, reporter: User, operator: User) -> None:
    report = file(stack, reporter, EXPIRED).report
    with pytest.raises(NothingChanged):
        move(report, report.incident, operator)


def test_of_two_decisions_on_the_same_version_the_second_is_refused(
    stack: Stack, reporter: User, operator: User
) -> None:
    report, other = file(stack, reporter, EXPIRED).report, file(stack, reporter, REDIS).report.incident
    assert move(report, other, operator, version=1).version == 2
    with pytest.raises(StaleVersion):
        move(report, None, operator, version=1)


@pytest.mark.django_db(transaction=True)
def test_moves_and_reports_of_the_same_instant_do_not_deadlock(stack: Stack, reporter: User, operator: User) -> None:
    one, two = file(stack, reporter, EXPIRED).report, file(stack, reporter, REDIS).report
    homes = (one.incident, two.incident)

    def call(number: int) -> None:
        for turn in range(4):
            if number < 2:
                report, to = (one, homes[(turn + 1) % 2]) if number else (two, homes[turn % 2])
                move(BugReport.objects.get(pk=report.pk), to, operator)
            else:
                file(stack, reporter, (EXPIRED_TOO, REDIS)[turn % 2])

    Together(5).run(call)  # type: ignore[arg-type]
    rows = BugReport.objects.values_list("pk", "incident_id")
    assert len(rows) == 14
    assert sorted(rows) == sorted(IncidentWords.objects.exclude(report_id=None).values_list("report_id", "incident_id"))
