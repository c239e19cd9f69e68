"""The checks that failed run again after an execution; an incident is resolved by that, or with a reason why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from awe_incidents.audit.models import Disclosure, Entry
from awe_incidents.incidents import operations as incidents
from awe_incidents.incidents.errors import ChecksNotPassed, NothingFailed
from awe_incidents.incidents.failures import failures_of, to_look_again
from awe_incidents.incidents.models import Incident, TimelineEntry
from awe_incidents.recovery import operations
from awe_incidents.recovery.models import Execution, Recheck
from diagnostics.checks.registry import with_requirements
from diagnostics.models import Run
from diagnostics.queries import results_of
from tests.conftest import client_of
from tests.incidents.found import EXPIRED, failure, finish_well, found
from tests.recovery.conftest import World, actor, end_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def failing(world: World) -> tuple[Incident, str]:
    """An incident, one check of which failed, and that check."""
    incident = world.incident()
    run = found(incident, world.operator, failure(EXPIRED))
    return incident, results_of(run).get(state="fail").slug


def executed(world: World, incident: Incident | None, **parameters: Any) -> Execution:
    execution = world.queued(incident=incident, **parameters)
    operations.execute(execution_id=execution.pk)
    execution.refresh_from_db()
    return execution


def resolve(world: World, incident: Incident, *, despite: str = "") -> Incident:
    return incidents.move_incident(
        incident=incident,
        action="resolve",
        user=world.operator,
        by=actor(world.operator),
        at=timezone.now(),
        because="mended",
        despite_failed_checks=despite,
    )


def test_what_failed_runs_again_and_the_incident_is_resolved_when_it_passes(
    world: World, signed_trail: None, failing: tuple[Incident, str]
) -> None:
    incident, slug = failing
    execution = executed(world, incident)
    assert execution.recheck.after is None
    run = Run.objects.get(pk=execution.recheck.run_id)
    assert (run.state, run.checks, run.incident_runs.get().incident_id) == ("queued", [slug], incident.pk)
    finish_well(run)
    assert [row.slug for row in results_of(run).order_by("slug")] == list(with_requirements([slug]))
    recheck = Recheck.objects.get(execution=execution)
    assert [one["code"] for one in recheck.before] == [EXPIRED]
    assert recheck.after is not None
    assert [(one["check"], one["state"], one["code"]) for one in recheck.after] == [(slug, "pass", "all.right")]
    incident.refresh_from_db()
    assert incident.state == "resolved"
    entry = Entry.objects.get(verb="incident:resolved")
    assert "1 of 1 failed checks pass" in Disclosure.objects.get(entry=entry, field="because").value
    assert Entry.objects.filter(verb="execution:rechecked", incident_id=incident.pk).count() == 1
    kinds = list(TimelineEntry.objects.filter(incident=incident).order_by("pk").values_list("kind", flat=True))
    assert kinds[-3:] == ["run_finished", "recovery_rechecked", "resolved"]


def test_what_fails_again_keeps_the_incident_open_until_somebody_says_why(
    world: World, signed_trail: None, failing: tuple[Incident, str]
) -> None:
    incident, slug = failing
    execution = executed(world, incident)
    finish_well(Run.objects.get(pk=execution.recheck.run_id), failure(EXPIRED))
    incident.refresh_from_db()
    assert incident.state == "open"
    with pytest.raises(ChecksNotPassed, match=slug):
        resolve(world, incident)
    assert resolve(world, incident, despite="the check looks at the wrong host").state == "resolved"
    entry = Entry.objects.get(verb="incident:resolved")
    said = Disclosure.objects.get(entry=entry, field="private.despite_failed_checks")
    assert said.value == "the check looks at the wrong host"
    assert f'"not_passed":["{slug}"]'.encode() in bytes(entry.body)
    lines = TimelineEntry.objects.filter(incident=incident, kind="despite_failed_checks").values_list("text", flat=True)
    assert list(lines) == [f"Though {slug} failed and did not pass since: the check looks at the wrong host"]


@pytest.mark.recovery_fault("not verified", counted="the incident's state")
def test_an_action_that_was_not_verified_leaves_the_incident_to_people(
    world: World, signed_trail: None, failing: tuple[Incident, str]
) -> None:
    incident, _ = failing
    execution = executed(world, incident, mood="lies")
    assert end_of(execution) == ("verify_failed", "whole", "done")
    finish_well(Run.objects.get(pk=execution.recheck.run_id))
    incident.refresh_from_db()
    assert incident.state == "open"
    assert resolve(world, incident).state == "resolved"


def test_what_did_nothing_looks_at_nothing(world: World, signed_trail: None, failing: tuple[Incident, str]) -> None:
    execution = executed(world, failing[0], mood="refuses")
    assert end_of(execution) == ("failed", "none", "done")
    assert not Recheck.objects.exists()


def test_an_unknown_outcome_that_is_found_out_looks_again_then(
    world: World, signed_trail: None, failing: tuple[Incident, str]
) -> None:
    execution = executed(world, failing[0], mood="breaks")
    assert not Recheck.objects.exists()
    operations.reconcile(execution_id=execution.pk)
    assert Recheck.objects.get().execution_id == execution.pk


def test_an_incident_in_which_nothing_failed_resolves_as_before(world: World, signed_trail: None) -> None:
    incident = world.incident()
    executed(world, incident)
    assert not Recheck.objects.exists()
    with pytest.raises(NothingFailed):
        incidents.recheck_incident(incident=incident, user=world.operator, by=actor(world.operator), at=timezone.now())
    assert resolve(world, incident).state == "resolved"


def test_what_a_later_run_leaves_out_stays_failed(world: World, failing: tuple[Incident, str]) -> None:
    incident, slug = failing
    by, at = actor(world.operator), timezone.now()
    with transaction.atomic():
        run = incidents.request_recheck(incident=incident, checks=["network.dns"], by=by, at=at)
    finish_well(run)
    assert [row.slug for row in failures_of(incident)] == [slug]
    with pytest.raises(ChecksNotPassed):
        resolve(world, incident)


def test_what_could_not_look_because_of_a_failure_looks_again_with_it(world: World) -> None:
    incident = world.incident()
    blocking = failure("redis.unreachable")
    run = found(incident, world.operator, blocking)
    failed = results_of(run).get(state="fail")
    behind = results_of(run).exclude(pk=failed.pk).order_by("slug").first()
    assert behind is not None
    type(behind).objects.filter(pk=behind.pk).update(state="skip", code="prerequisite", prerequisite=failed.slug)
    assert {row.slug for row in to_look_again(incident)} == {failed.slug, behind.slug}
    assert [row.slug for row in failures_of(incident)] == [failed.slug]


def test_answers_are_written_once(world: World, signed_trail: None, failing: tuple[Incident, str]) -> None:
    execution = executed(world, failing[0])
    finish_well(Run.objects.get(pk=execution.recheck.run_id))
    changes: list[Callable[[], object]] = [
        lambda: Recheck.objects.filter(execution=execution).update(after=[]),
        lambda: Recheck.objects.filter(execution=execution).update(before=[]),
    ]
    for change in changes:
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_the_api_shows_before_and_after_and_refuses_to_resolve_what_fails(
    world: World, signed_trail: None, failing: tuple[Incident, str]
) -> None:
    incident, slug = failing
    client = client_of(world.operator)
    address = f"/api/v1/incidents/{incident.pk}/"
    refused = _step(client, address, because="mended")
    assert (refused.status_code, refused.json()["type"]) == (409, "/api/problems/checks-not-passed/")
    assert refused.json()["errors"][0]["pointer"] == "#/despite_failed_checks"
    execution = executed(world, incident)
    shown = client.get(f"/api/v1/recovery-requests/{execution.request_id}/").json()["execution"]["recheck"]
    assert [(one["check"], one["before"]["code"], one["after"]) for one in shown["checks"]] == [(slug, EXPIRED, None)]
    finish_well(Run.objects.get(pk=shown["run"]))
    shown = client.get(f"/api/v1/recovery-requests/{execution.request_id}/").json()["execution"]["recheck"]
    assert [one["after"]["state"] for one in shown["checks"]] == ["pass"]
    assert client.get(address).json()["state"] == "resolved"


def test_failed_checks_are_asked_for_again_over_http(world: World, failing: tuple[Incident, str]) -> None:
    incident, slug = failing
    client = client_of(world.operator)
    asked = client.post(f"/api/v1/incidents/{incident.pk}/rechecks/")
    assert asked.status_code == 201
    assert asked.json()["checks"] == [slug]
    finish_well(Run.objects.get(pk=asked.json()["id"]))
    again = client.post(f"/api/v1/incidents/{incident.pk}/rechecks/")
    assert (again.status_code, again.json()["type"]) == (409, "/api/problems/nothing-failed/")
    assert _step(client, f"/api/v1/incidents/{incident.pk}/", because="mended").status_code == 201


def _step(client: APIClient, address: str, **fields: str) -> Any:
    tag = client.get(address)["ETag"]
    return client.post(
        f"{address}transitions/", {"action": "resolve", **fields}, format="json", headers={"If-Match": tag}
    )
