"""What runs suggest for incidents: words where no person has said any, beside those that one has, and never instead."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Entry
from awe_incidents.incidents import operations
from awe_incidents.incidents.errors import NothingSuggested, RoleRequired, StaleVersion
from awe_incidents.incidents.models import Incident, IncidentDiagnosis, TimelineEntry
from awe_incidents.incidents.operations import suggesting
from awe_incidents.incidents.states import Category, Severity
from awe_incidents.incidents.suggestions import Suggestion, sources_of, suggestion_for
from diagnostics.checks.result import State
from diagnostics.diagnosis.catalog import all_causes
from diagnostics.models import Run, Stack
from tests.incidents.found import (
    EXPIRED,
    EXPIRES_SOON,
    PORT_TAKEN,
    actor,
    failure,
    finish,
    finish_well,
    found,
    opened,
    requested,
)
from tests.incidents.test_joining import file


@pytest.fixture
def incident(stack: Stack, operator: User) -> Incident:
    return opened(stack, operator)


def now(incident: Incident) -> Incident:
    return Incident.objects.select_related("diagnosis").get(pk=incident.pk)


def words(incident: Incident) -> tuple[str, str]:
    one = now(incident)
    return one.severity, one.category


def sources(incident: Incident) -> tuple[str, ...]:
    return tuple(sources_of(now(incident)).values())


def suggested(incident: Incident) -> Suggestion:
    suggestion = suggestion_for(now(incident))
    assert suggestion is not None
    return suggestion


def classify(incident: Incident, operator: User, **said: str) -> Incident:
    return operations.classify_incident(
        incident=incident,
        user=operator,
        by=actor(operator),
        at=timezone.now(),
        **said,  # type: ignore[arg-type]
    )


def accept(incident: Incident, operator: User, *, run: Run, version: int | None = None, because: str = "") -> Incident:
    return operations.accept_suggestion(
        incident=incident,
        run_id=run.pk,
        user=operator,
        by=actor(operator),
        at=timezone.now(),
        version=version,
        because=because,
    )


def told(incident: Incident, kind: str = "suggested") -> list[str]:
    return list(
        TimelineEntry.objects.filter(incident=incident, kind=kind).order_by("id").values_list("text", flat=True)
    )


def test_a_run_fills_what_nobody_has_said_and_marks_it(incident: Incident, operator: User) -> None:
    run = found(incident, operator, failure(EXPIRED))

    assert words(incident) == ("critical", "ssl")
    assert sources(incident) == ("service", "service")
    one, cause = suggested(incident), all_causes()["server_certificate_expired"]
    assert (one.run, one.cause, one.title) == (run.pk, cause.slug, cause.title)
    assert (one.actions, one.steps) == (("certificates.renew",), cause.remedy)
    assert (one.how_to, one.steps_at) == (
        "causes/server_certificate_expired.md",
        "causes/server_certificate_expired.md#what-to-do",
    )
    assert (one.differs, one.is_accepted) == (False, False)


def test_it_is_told_and_recorded_as_the_services(incident: Incident, operator: User) -> None:
    run = found(incident, operator, failure(EXPIRED))

    [line] = TimelineEntry.objects.filter(incident=incident, kind="suggested")
    assert line.text.startswith(f"Run {run.pk} suggests severity critical, category ssl: The server certificate at ")
    assert line.actor == "service:worker"
    entry = Entry.objects.get(verb="incident:suggested")
    assert (entry.incident_id, entry.actor) == (incident.pk, "service:worker")
    assert json.loads(bytes(entry.body))["data"] == {
        "run": run.pk,
        "cause": "server_certificate_expired",
        "suggested": {"category": "ssl", "severity": "critical"},
        "from": {"category": "", "severity": ""},
        "to": {"category": "ssl", "severity": "critical"},
        "actions": ["certificates.renew"],
    }


def test_nobodys_edit_is_refused_because_a_run_finished(incident: Incident, operator: User) -> None:
    found(incident, operator, failure(EXPIRED))
    assert now(incident).version == incident.version
    operations.move_incident(
        incident=incident, action="acknowledge", user=operator, by=actor(operator), at=timezone.now(), version=1
    )


def test_what_a_person_said_stays_and_the_suggestion_stands_beside_it(incident: Incident, operator: User) -> None:
    classify(incident, operator, severity=Severity.LOW, category=Category.AGENTS)
    run = found(incident, operator, failure(EXPIRED))

    assert words(incident) == ("low", "agents")
    assert sources(incident) == ("person", "person")
    one = suggested(incident)
    assert (one.run, one.severity, one.category, one.differs) == (run.pk, "critical", "ssl", True)
    assert told(incident)[-1].endswith("As a person said it, this stays: severity low, category agents")


def test_of_two_words_only_the_one_that_nobody_said_is_filled(incident: Incident, operator: User) -> None:
    classify(incident, operator, severity=Severity.LOW)
    found(incident, operator, failure(EXPIRED))
    assert words(incident) == ("low", "ssl")
    assert sources(incident) == ("person", "service")


def test_a_later_run_changes_what_is_still_the_services(incident: Incident, operator: User) -> None:
    found(incident, operator, failure(EXPIRED))
    classify(incident, operator, severity=Severity.HIGH)
    found(incident, operator, failure(PORT_TAKEN, target="api"))
    assert words(incident) == ("high", "startup")
    assert suggested(incident).cause == "port_taken"


def test_a_word_that_a_person_confirmed_is_no_longer_the_services(incident: Incident, operator: User) -> None:
    found(incident, operator, failure(EXPIRED))
    done = classify(incident, operator, category=Category.SSL)
    assert done.version == 2
    assert told(incident, "classified") == ["Confirmed category ssl"]
    found(incident, operator, failure(PORT_TAKEN, target="api"))
    assert words(incident)[1] == "ssl"


@pytest.mark.parametrize("before", ["", Category.NETWORK])
def test_what_a_person_emptied_stays_empty(incident: Incident, operator: User, before: str) -> None:
    if before:
        classify(incident, operator, category=before)
    else:
        found(incident, operator, failure(EXPIRED))
    classify(incident, operator, category="")
    found(incident, operator, failure(EXPIRED))
    assert words(incident) == ("critical", "")
    assert sources(incident) == ("service", "person")
    assert suggested(incident).differs


def test_to_empty_what_is_empty_says_nothing(incident: Incident, operator: User) -> None:
    assert classify(incident, operator, category="").version == 1
    found(incident, operator, failure(EXPIRED))
    assert words(incident) == ("critical", "ssl")


def test_words_from_before_there_were_sources_are_a_persons(incident: Incident, operator: User) -> None:
    Incident.objects.filter(pk=incident.pk).update(severity="low")
    found(incident, operator, failure(EXPIRED))
    assert words(incident) == ("low", "ssl")
    assert sources(incident) == ("person", "service")


def test_the_later_run_counts_whichever_finishes_first(incident: Incident, operator: User) -> None:
    first, second = requested(incident, operator), requested(incident, operator)
    finish(second, failure(PORT_TAKEN, target="api"))
    finish(first, failure(EXPIRED))
    assert (suggested(incident).run, words(incident)) == (second.pk, ("critical", "startup"))


def test_the_same_again_is_told_once_and_leads_to_the_newer_run(incident: Incident, operator: User) -> None:
    found(incident, operator, failure(EXPIRED))
    again = found(incident, operator, failure(EXPIRED))
    assert len(told(incident)) == 1
    assert Entry.objects.filter(verb="incident:suggested").count() == 1
    assert suggested(incident).run == again.pk


def test_a_run_without_a_cause_and_one_that_only_warns_change_nothing(incident: Incident, operator: User) -> None:
    first = found(incident, operator, failure(EXPIRED))
    finish_well(requested(incident, operator))
    finish_well(requested(incident, operator), failure(EXPIRES_SOON, state=State.WARN))
    assert (suggested(incident).run, words(incident)) == (first.pk, ("critical", "ssl"))


def test_what_only_warns_is_suggested_where_there_is_nothing_else(incident: Incident, operator: User) -> None:
    finish_well(requested(incident, operator), failure(EXPIRES_SOON, state=State.WARN))
    assert words(incident) == ("low", "ssl")


def test_a_run_that_found_nothing_leaves_nothing(incident: Incident, operator: User) -> None:
    finish_well(requested(incident, operator))
    assert words(incident) == ("", "")
    assert suggestion_for(now(incident)) is None
    assert not IncidentDiagnosis.objects.exists()


def test_a_filed_reports_run_suggests_for_its_incident(stack: Stack, reporter: User) -> None:
    filed = file(stack, reporter, "no client gets through")
    finish(filed.run, failure(EXPIRED))
    assert words(filed.report.incident) == ("critical", "ssl")


def test_a_moved_reports_run_suggests_for_the_incident_that_it_comes_to(
    stack: Stack, reporter: User, operator: User
) -> None:
    filed = file(stack, reporter, "no client gets through")
    finish(filed.run, failure(EXPIRED))
    report = operations.move_bug_report(
        report=filed.report, to=None, user=operator, by=actor(operator), at=timezone.now(), because="another problem"
    )
    assert words(report.incident) == ("critical", "ssl")
    kinds = TimelineEntry.objects.filter(incident=report.incident).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["opened", "report_moved_here", "suggested"]


def test_accepting_makes_it_a_persons_word(incident: Incident, operator: User) -> None:
    classify(incident, operator, severity=Severity.LOW)
    run = found(incident, operator, failure(EXPIRED))
    done = accept(incident, operator, run=run, version=2, because="it is so")

    assert (done.severity, done.category, done.version) == ("critical", "ssl", 3)
    assert sources(incident) == ("person", "person")
    assert suggested(incident).is_accepted
    text = f"Now severity critical; Confirmed category ssl, as run {run.pk} suggests: it is so"
    assert told(incident, "classified")[-1] == text
    entry = Entry.objects.filter(verb="incident:classified").latest("pk")
    assert (entry.actor, json.loads(bytes(entry.body))["data"]["run"]) == (f"user:{operator.pk}", run.pk)
    found(incident, operator, failure(PORT_TAKEN, target="api"))
    assert words(incident) == ("critical", "ssl")


def test_accepting_again_records_nothing(incident: Incident, operator: User) -> None:
    run = found(incident, operator, failure(EXPIRED))
    accept(incident, operator, run=run)
    assert accept(incident, operator, run=run).version == 2
    assert Entry.objects.filter(verb="incident:classified").count() == 1


def test_nobody_accepts_what_they_did_not_see(incident: Incident, operator: User, reporter: User) -> None:
    run = requested(incident, operator)
    with pytest.raises(NothingSuggested):
        accept(incident, operator, run=run)
    finish(run, failure(EXPIRED))
    found(incident, operator, failure(PORT_TAKEN, target="api"))
    with pytest.raises(StaleVersion):
        accept(incident, operator, run=run)
    classify(incident, operator, severity=Severity.LOW)
    with pytest.raises(StaleVersion):
        accept(incident, operator, run=Run.objects.latest("pk"), version=1)
    with pytest.raises(RoleRequired):
        accept(incident, reporter, run=run)
    assert words(incident) == ("low", "startup")


@pytest.mark.parametrize("values", [{"severity": "", "severity_source": "service"}, {"category_source": "somebody"}])
def test_the_database_holds_words_to_their_sources(incident: Incident, values: dict[str, str]) -> None:
    with pytest.raises(IntegrityError, match="incident_sources"), transaction.atomic():
        Incident.objects.filter(pk=incident.pk).update(**values)


def test_the_database_holds_suggestions_whole(incident: Incident, operator: User) -> None:
    found(incident, operator, failure(EXPIRED))
    with pytest.raises(IntegrityError, match="incident_suggestion_whole"), transaction.atomic():
        IncidentDiagnosis.objects.update(severity="")


def at_once(*steps: Callable[[], object]) -> None:
    """Let steps begin in the same instant, each in a connection of its own."""
    gate = threading.Barrier(len(steps))

    def go(step: Callable[[], object]) -> None:
        try:
            gate.wait(10)
            step()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(steps)) as pool:
        for done in [pool.submit(go, step) for step in steps]:
            done.result(30)


@pytest.mark.django_db(transaction=True)
def test_runs_that_finish_at_once_leave_the_later_ones_words(stack: Stack, operator: User) -> None:
    incident = opened(stack, operator)
    for _ in range(3):
        first, second = requested(incident, operator), requested(incident, operator)
        at_once(
            lambda run=first: finish(run, failure(EXPIRED)),  # type: ignore[misc]
            lambda run=second: finish(run, failure(PORT_TAKEN, target="api")),  # type: ignore[misc]
        )
        assert (suggested(incident).run, words(incident)) == (second.pk, ("critical", "startup"))
    assert IncidentDiagnosis.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_says_something_while_a_run_finishes_is_not_overruled(stack: Stack, operator: User) -> None:
    for _ in range(3):
        incident = opened(stack, operator)
        run = requested(incident, operator)
        at_once(
            lambda run=run: finish(run, failure(EXPIRED)),  # type: ignore[misc]
            lambda one=incident: classify(one, operator, severity=Severity.LOW),  # type: ignore[misc]
        )
        assert words(incident) == ("low", "ssl")
        assert sources(incident) == ("person", "service")


@pytest.mark.django_db(transaction=True)
def test_a_report_is_moved_while_its_run_finishes(
    stack: Stack, reporter: User, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both hold the run before the incidents; the other way round they would wait for each other."""
    filed = file(stack, reporter, "no client gets through")
    holds, original = threading.Event(), suggesting.suggest

    def slowly(**about: object) -> None:
        holds.set()
        moving.wait(1.0)
        original(**about)  # type: ignore[arg-type]

    moving = threading.Event()
    monkeypatch.setattr(operations.runs, "suggest", slowly)

    def move() -> None:
        assert holds.wait(10)
        operations.move_bug_report(
            report=filed.report,
            to=None,
            user=operator,
            by=actor(operator),
            at=timezone.now(),
            because="another problem",
        )
        moving.set()

    at_once(lambda: finish(filed.run, failure(EXPIRED)), move)
    filed.report.refresh_from_db()
    assert words(filed.report.incident) == ("critical", "ssl")
