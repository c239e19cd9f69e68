"""What a diagnosis recommends is asked for in one call, with its evidence, and with what it cannot tell named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import Incident
from awe_incidents.recovery import operations
from awe_incidents.recovery.actions.base import About
from awe_incidents.recovery.actions.registry import action
from awe_incidents.recovery.models import Recommendation, RecoveryRequest
from diagnostics.models import Diagnosis, Run
from diagnostics.stack import parse_toml
from tests.conftest import client_of
from tests.incidents.found import EXPIRED, failure, found
from tests.recovery.conftest import World

TWO_DATABASES = """
schema = 1
name = "shop"
environment = "Development"
vantage = "container"

[engine]
url = "unix:///var/run/docker.sock"
project = "shop"

[services.api]
role = "api"
[services.db]
role = "database"
[services.queue-db]
role = "database"
[databases.application]
service = "db"
host = "127.0.0.1"
port = 5432
dbname = "app"
user = "app"
[databases.jobs]
service = "queue-db"
host = "127.0.0.1"
port = 5433
dbname = "jobs"
user = "jobs"
"""


@pytest.mark.parametrize(
    ("slug", "about", "told"),
    [
        ("service.restart", About(subject="api", service="api"), {"service": "api"}),
        ("service.restart", About(subject="api"), {"service": "api"}),
        ("service.restart", About(subject="/srv/server.key"), {}),
        ("database.terminate_sessions", About(subject="127.0.0.1:5432", service="db"), {"database": "application"}),
        ("database.terminate_sessions", About(subject="jobs"), {"database": "jobs"}),
        ("database.terminate_sessions", About(subject="127.0.0.1:5432"), {}),  # either of two
        ("stack.full_restart", About(subject="api", service="api"), {}),
    ],
)
def test_what_a_cause_is_about_prefills_parameters(
    slug: str, about: About, told: dict[str, Any], tmp_path: Path
) -> None:
    assert action(slug).prefilled(parse_toml(TWO_DATABASES, folder=tmp_path), about) == told


@pytest.fixture
def diagnosed(world: World) -> tuple[Incident, Run]:
    """An incident whose run found a cause that names actions of the tests, and one that is not there."""
    incident = world.incident()
    run = found(incident, world.operator, failure(EXPIRED, target="api"))
    kept = Diagnosis.objects.get(run=run)
    kept.document["causes"][0]["actions"] = ["test.write_at_once", "service.restart", "no.such"]
    kept.document["causes"][0]["service"] = "api"
    kept.save(update_fields=["document"])
    return incident, run


@pytest.mark.django_db
def test_the_diagnosis_of_an_incident_recommends_actions_ready_to_be_asked_for(
    world: World, diagnosed: tuple[Incident, Run]
) -> None:
    incident, run = diagnosed
    shown = client_of(world.operator).get(f"/api/v1/incidents/{incident.pk}/diagnosis/").json()
    first, second = shown["recommended"]
    assert (first["action"], first["missing"], first["not_applicable"]) == ("test.write_at_once", ["file"], "")
    assert (second["action"], second["parameters"], second["tier"]) == ("service.restart", {"service": "api"}, 1)
    assert second["not_applicable"].startswith("its services are no containers")
    assert first["evidence"] == shown["causes"][0]["evidence"]
    assert first["evidence"][0]["url"]
    assert (first["run"], first["cause"]) == (run.pk, "server_certificate_expired")
    assert "recommended" not in client_of(world.operator).get(f"/api/v1/runs/{run.pk}/diagnosis/").json()


@pytest.mark.django_db
def test_one_call_asks_for_what_is_recommended_and_keeps_the_evidence(
    world: World, diagnosed: tuple[Incident, Run]
) -> None:
    incident, run = diagnosed
    client, address = client_of(world.operator), f"/api/v1/incidents/{incident.pk}/"
    recommended = client.get(f"{address}diagnosis/").json()["recommended"][0]
    wanted = {name: recommended[name] for name in ("run", "cause", "subject", "action")}
    body = {**wanted, "parameters": {"file": "target"}, "because": "as diagnosed"}
    asked = client.post(f"{address}recovery-requests/", body, format="json")
    assert asked.status_code == 201, asked.content
    made = asked.json()
    assert (made["incident"], made["action"], made["state"]) == (incident.pk, "test.write_at_once", "approved")
    kept = made["recommendation"]
    assert (kept["run"], kept["cause"]) == (run.pk, "server_certificate_expired")
    spans = [{name: span[name] for name in kept["evidence"][0]} for span in recommended["evidence"]]
    assert kept["evidence"] == spans
    entry = Entry.objects.get(verb="recovery_request:requested")
    assert b'"cause":"server_certificate_expired"' in bytes(entry.body)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changed", "status", "kind"),
    [
        ({"action": "test.write"}, 409, "not-recommended"),
        ({"cause": "port_taken"}, 409, "not-recommended"),
        ({"action": "service.restart"}, 409, "action-not-applicable"),
        ({"parameters": {}}, 400, "invalid"),
        ({"run": 10**9}, 400, "invalid"),
        ({"parameters": []}, 400, "invalid"),
    ],
)
def test_what_is_not_recommended_or_cannot_be_done_is_refused(
    world: World, diagnosed: tuple[Incident, Run], changed: dict[str, Any], status: int, kind: str
) -> None:
    incident, run = diagnosed
    body = {
        "run": run.pk,
        "cause": "server_certificate_expired",
        "subject": "api",
        "action": "test.write_at_once",
        "parameters": {"file": "target"},
        "because": "as diagnosed",
    }
    if changed.get("action") == "service.restart":
        changed = {**changed, "parameters": {}}
    address = f"/api/v1/incidents/{incident.pk}/recovery-requests/"
    refused = client_of(world.operator).post(address, {**body, **changed}, format="json")
    assert (refused.status_code, refused.json()["type"]) == (status, f"/api/problems/{kind}/"), refused.content
    assert not RecoveryRequest.objects.exists()
    assert not Recommendation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_plan_tells_how_long_the_last_ones_took(world: World, signed_trail: None) -> None:
    for file in ("a", "b"):
        operations.execute(execution_id=world.queued(file=file).pk)
    body = {"stack": "plain", "action": "test.write", "parameters": {"file": "c"}}
    planned = client_of(world.operator).post("/api/v1/recovery-plans/", body, format="json").json()
    assert len(planned["last_seconds"]) == 2
    assert all(0 <= one < 30 for one in planned["last_seconds"])
