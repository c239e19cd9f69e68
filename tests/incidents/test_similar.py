"""Similar incidents: which are found and why, in which order, for whom, and by which indexes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.incidents import operations, similar
from awe_incidents.incidents.models import Incident, IncidentSignature
from awe_incidents.incidents.similar import Similar, similar_incidents, traits_of
from diagnostics.checks.result import Finding
from diagnostics.models import CheckResult, Diagnosis, Stack
from diagnostics.operations import apply_stack
from diagnostics.stack import parse_toml
from tests import database
from tests.conftest import PLAIN_STACK, SETUP
from tests.incidents.found import (
    EXPIRED,
    LINE,
    ORDINARY_LINE,
    OTHER_LINE,
    PORT_TAKEN,
    actor,
    failure,
    finish,
    finish_well,
    found,
    line,
    opened,
    requested,
)
from tests.incidents.test_joining import file, step


@pytest.fixture
def other_stack(tmp_path: Path) -> Stack:
    described = PLAIN_STACK.replace('"plain"', '"other"')
    return apply_stack(config=parse_toml(described, folder=tmp_path), by=SETUP, at=timezone.now()).stack


def with_finding(stack: Stack, operator: User, *findings: Finding) -> Incident:
    incident = opened(stack, operator)
    found(incident, operator, *findings)
    return incident


def resolve(incident: Incident, operator: User, because: str) -> None:
    operations.move_incident(
        incident=incident,
        action="resolve",
        user=operator,
        by=actor(operator),
        at=timezone.now(),
        because=because,
        despite_failed_checks="nobody looked again",
    )


def similar_to(incident: Incident, user: User, **limit: int) -> list[Similar]:
    return similar_incidents(Incident.objects.select_related("diagnosis").get(pk=incident.pk), user, **limit)


def numbers(incident: Incident, user: User) -> list[int]:
    return [one.incident.pk for one in similar_to(incident, user)]


def test_the_same_cause_is_found_with_how_it_was_resolved(stack: Stack, operator: User) -> None:
    past = with_finding(stack, operator, failure(EXPIRED))
    resolve(past, operator, "the certificate was renewed")
    present = with_finding(stack, operator, failure(EXPIRED))
    with_finding(stack, operator, failure(PORT_TAKEN))

    [one] = similar_to(present, operator)
    assert (one.incident, one.incident.state, one.cause) == (past, "resolved", "server_certificate_expired")
    assert (one.similarity.same_cause, one.similarity.same_subject, one.same_stack) == (True, True, True)
    assert one.resolution is not None
    assert (one.resolution.because, one.resolution.by) == ("the certificate was renewed", "user:operator")


def test_of_several_resolutions_the_last_is_told_and_of_who_waits_none(stack: Stack, operator: User) -> None:
    past, present = (with_finding(stack, operator, failure(EXPIRED)) for _ in range(2))
    resolve(past, operator, "restarted")
    step(past, "reopen", operator)
    assert [one.resolution for one in similar_to(present, operator)] == [None]
    resolve(past, operator, "renewed")
    step(past, "close", operator)
    [one] = similar_to(present, operator)
    assert one.resolution is not None
    assert (one.incident.state, one.resolution.because) == ("closed", "renewed")


def test_the_most_similar_come_first_and_of_equals_those_that_were_resolved(
    stack: Stack, other_stack: Stack, operator: User
) -> None:
    lines = line(LINE), line(OTHER_LINE)
    cause = failure(EXPIRED)
    only_a_line = with_finding(stack, operator, line(LINE), failure(PORT_TAKEN))
    elsewhere = with_finding(other_stack, operator, cause)
    old, resolved, newest = (with_finding(stack, operator, cause) for _ in range(3))
    resolve(resolved, operator, "renewed")
    with_lines = with_finding(stack, operator, cause, *lines)
    other_subject = with_finding(stack, operator, failure(EXPIRED, target="db.example.org:5432"))

    present = with_finding(stack, operator, cause, *lines)
    expected = [with_lines, resolved, newest, old, elsewhere, other_subject, only_a_line]
    assert numbers(present, operator) == [one.pk for one in expected]
    assert [one.incident.pk for one in similar_to(present, operator, limit=2)] == [with_lines.pk, resolved.pk]


def test_known_lines_are_enough_where_there_is_no_cause(stack: Stack, operator: User) -> None:
    past = with_finding(stack, operator, failure("nobody.knows"), line(LINE), line(OTHER_LINE))
    present = with_finding(stack, operator, failure("nobody.knows"), line(LINE))
    [one] = similar_to(present, operator)
    assert (one.incident, one.similarity.signatures, one.similarity.score) == (past, (LINE,), 0.15)


def test_lines_of_healthy_programs_and_healthy_runs_do_not_count(stack: Stack, operator: User) -> None:
    with_finding(stack, operator, failure("nobody.knows"), line(ORDINARY_LINE))
    present = opened(stack, operator)
    finish_well(requested(present, operator), line(LINE))
    found(present, operator, failure("nobody.knows"), line(ORDINARY_LINE))
    assert traits_of(Incident.objects.get(pk=present.pk)).signatures == frozenset()
    assert numbers(present, operator) == []


def test_lines_of_all_its_runs_are_an_incidents_each_once(stack: Stack, operator: User) -> None:
    incident = with_finding(stack, operator, failure(EXPIRED), line(LINE))
    found(incident, operator, failure(EXPIRED), line(OTHER_LINE), line(LINE))
    assert traits_of(Incident.objects.get(pk=incident.pk)).signatures == {LINE, OTHER_LINE}
    rows = IncidentSignature.objects.filter(incident=incident, stack=stack)
    assert sorted(rows.values_list("signature", flat=True)) == [LINE, OTHER_LINE]


def test_a_run_keeps_the_most_frequent_lines_with_its_diagnosis(stack: Stack, operator: User) -> None:
    run = found(opened(stack, operator), operator, line(OTHER_LINE, number=2), line(LINE, number=9), failure(EXPIRED))
    assert Diagnosis.objects.get(run=run).signatures == [LINE, OTHER_LINE]


def test_without_a_finding_nothing_is_similar(stack: Stack, operator: User) -> None:
    with_finding(stack, operator, failure(EXPIRED))
    assert similar_to(opened(stack, operator), operator) == []


def test_what_retention_takes_leaves_what_is_compared(stack: Stack, operator: User) -> None:
    past = opened(stack, operator)
    long_ago = timezone.now() - timedelta(days=500)
    run = finish(requested(past, operator, at=long_ago), failure(EXPIRED), line(LINE), at=long_ago)
    resolve(past, operator, "renewed")
    assert operations.apply_retention(at=timezone.now()).results
    assert not CheckResult.objects.filter(run=run).exists()

    [one] = similar_to(with_finding(stack, operator, failure(EXPIRED), line(LINE)), operator)
    assert (one.incident, one.similarity.score) == (past, 1)


def test_a_reporter_is_told_of_own_incidents_only_and_nothing_else_has_a_part_in_it(
    stack: Stack, reporter: User, other_reporter: User, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs, present = (
        file(stack, user, "no client gets through", new_incident=True) for user in (reporter, other_reporter, reporter)
    )
    for filed in (mine, theirs, present):
        finish(filed.run, failure(EXPIRED), line(LINE))
    secret = theirs.report.incident
    resolve(secret, operator, "a secret of others")

    told = similar_to(present.report.incident, reporter)
    assert [one.incident.pk for one in told] == [mine.report.incident_id]
    assert numbers(present.report.incident, operator) == [secret.pk, mine.report.incident_id]
    for _ in range(3):  # nor do many of others crowd out the own
        with_finding(stack, operator, failure(EXPIRED), line(LINE))
    monkeypatch.setattr(similar, "WALKED", 1)
    assert similar_to(present.report.incident, reporter) == told


def test_who_joined_somebody_elses_incident_reads_no_word_of_the_first_reporter(
    stack: Stack, reporter: User, other_reporter: User
) -> None:
    first = file(stack, reporter, "no client gets through since the certificate expired")
    joined = file(stack, other_reporter, "no client gets through since the certificate expired")
    assert joined.report.incident_id == first.report.incident_id
    present = file(stack, other_reporter, "again", new_incident=True)
    for filed in (first, present):
        finish(filed.run, failure(EXPIRED))
    [one] = similar_to(present.report.incident, other_reporter)
    assert one.incident.shown_title == f"Incident {first.report.incident_id}"  # type: ignore[attr-defined]


# What follows is about size: 60,000 incidents, of which a tenth share cause and lines with the one that is asked about.
MANY = 60_000
_MAKE = """
WITH made AS (
  INSERT INTO incidents_incident (stack_id, title, state, severity, category, severity_source, category_source,
                                  opened_at, changed_at, version)
  SELECT %(stack)s, 'many', CASE WHEN n %% 3 = 0 THEN 'resolved' ELSE 'open' END, '', '', '', '',
         now() - n * interval '1 min', now(), 1
  FROM generate_series(1, %(many)s) n RETURNING id, stack_id, opened_at
), diagnosed AS (
  INSERT INTO incidents_incidentdiagnosis (incident_id, stack_id, opened_at, run_id, cause, subject, sentence, category,
                                           severity, actions, suggested_at, signatures)
  SELECT id, stack_id, opened_at, %(run)s, CASE WHEN id %% 10 = 0 THEN %(cause)s ELSE 'disk_full' END, 'x', 'x', 'ssl',
         'high', '{}', now(), CASE WHEN id %% 10 = 0 THEN %(lines)s ELSE '{log.pg-01}'::text[] END FROM made
)
INSERT INTO incidents_incidentsignature (incident_id, stack_id, opened_at, signature)
SELECT id, stack_id, opened_at, unnest(CASE WHEN id %% 10 = 0 THEN %(lines)s ELSE '{log.pg-01}'::text[] END) FROM made
"""


@pytest.fixture
def many(stack: Stack, operator: User) -> Incident:
    """Give an incident among many that resemble it, and let PostgreSQL know how many there are."""
    incident = with_finding(stack, operator, failure(EXPIRED), line(LINE), line(OTHER_LINE))
    run, cause = incident.incident_runs.get().run_id, traits_of(incident).cause
    made: dict[str, Any] = {"stack": stack.pk, "run": run, "cause": cause, "lines": [LINE, OTHER_LINE], "many": MANY}
    with connection.cursor() as cursor:
        cursor.execute(_MAKE, made)
    with database.superuser().connect(str(connection.settings_dict["NAME"])) as owner:
        owner.execute("ANALYZE incidents_incident, incidents_incidentdiagnosis, incidents_incidentsignature")
    return Incident.objects.select_related("diagnosis").get(pk=incident.pk)


def plan_of(incident: Incident) -> dict[str, Any]:
    traits = traits_of(incident)
    asked: dict[str, Any] = {"stack": incident.stack_id, "cause": traits.cause, "signatures": sorted(traits.signatures)}
    with connection.cursor() as cursor:
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {similar._CANDIDATES}"
        cursor.execute(explain, {**asked, "walked": similar.WALKED})
        (plan,) = cursor.fetchone()
    return dict((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])


def scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "Relation Name" in plan:
        yield plan
    for below in plan.get("Plans", ()):
        yield from scans(below)


@pytest.mark.django_db(transaction=True)
def test_every_walk_follows_an_index_and_ends_after_its_newest(many: Incident) -> None:
    read = list(scans(plan_of(many)))
    assert {one.get("Index Name") for one in read} == {
        "incident_by_cause",
        "incident_by_cause_of_stack",
        "incident_by_line",
        "incident_by_line_of_stack",
    }
    assert {one["Node Type"] for one in read} == {"Index Only Scan"}
    assert max(one["Actual Rows"] for one in read) == similar.WALKED
    assert not [one for one in read if one.get("Rows Removed by Filter")]


@pytest.mark.django_db(transaction=True)
def test_among_many_the_newest_resolved_ones_are_found(many: Incident, operator: User) -> None:
    alike = Incident.objects.filter(state="resolved", diagnosis__cause=traits_of(many).cause).order_by("-opened_at")
    assert numbers(many, operator) == list(alike.values_list("pk", flat=True)[: similar.MAX_SIMILAR])
