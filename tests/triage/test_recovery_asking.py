"""Asking at the desk: filled in from the cause, planned before it is asked for, and asked for as it was seen."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import Incident
from awe_incidents.recovery.actions import registry
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.triage.facts import address
from awe_incidents.triage.recovery_asking import ask_address
from awe_incidents.triage.schema_form import data_of, document_of, fields_of
from diagnostics.models import Stack
from tests.recovery.conftest import World, rings, world
from tests.triage.acting import RECOMMENDED, FreePort
from tests.triage.world import SCRIPT, signed_in

__all__ = ["rings", "world"]  # fixtures
FILLED = {"with-file": "target", "with-lines": "2", "with-mood": "well", "with-user": "nobody", "with-target": "api"}


@pytest.fixture(autouse=True)
def _recommended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    known = dict(registry.all_actions())
    monkeypatch.setattr(registry, "all_actions", lambda: {**known, RECOMMENDED: FreePort()})


def planned(client: Client, row: Incident | Stack, slug: str = "test.write", **more: str) -> Any:
    return client.post(ask_address(row, slug), {**FILLED, "do": "plan", **more})


def ask(client: Client, row: Incident | Stack, slug: str = "test.write", **more: str) -> Any:
    """Ask for what was planned."""
    seen = planned(client, row, slug, **more).context["form"].data["seen"]
    return client.post(ask_address(row, slug), {**FILLED, "do": "ask", "because": "it is broken", "seen": seen, **more})


def test_the_incident_recommends_with_its_evidence_and_opens_the_form_filled_in(
    world: World, incident: Incident
) -> None:
    client = signed_in(world.operator)
    page = client.get(address(incident)).content.decode()
    assert "Free a port" in page
    path = ask_address(incident, RECOMMENDED, {"service": "api", "file": "target"})
    assert path.replace("&", "&amp;").partition("with-")[0] in page
    assert page.count("lines 10-12") > 1
    answer = client.get(f"{address(incident, part='ask')}?action={RECOMMENDED}&with-service=api")
    shown = answer.content.decode()
    assert "Write line 1" in shown
    assert "nothing was changed" in shown
    assert answer.context["planned"].document["service"] == "api"
    assert SCRIPT not in shown
    assert not RecoveryRequest.objects.exists()


def test_asked_for_as_it_was_seen_it_is_the_incidents(world: World, incident: Incident) -> None:
    answer = ask(signed_in(world.operator), incident)
    made = RecoveryRequest.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, address(made))
    assert (made.incident_id, made.stack_id, made.because, made.state) == (
        *(incident.pk, incident.stack_id, "it is broken"),
        "pending_approval",
    )
    assert made.terms.parameters["lines"] == 2


def test_what_was_recommended_keeps_its_evidence_with_the_request(world: World, incident: Incident) -> None:
    recommended = {"with-service": "api"}
    client = signed_in(world.operator)
    ask(client, incident, RECOMMENDED, **recommended)
    made = RecoveryRequest.objects.get()
    assert made.recommendation.evidence
    page = client.get(address(made)).content.decode()
    assert "Why it is recommended" in page
    assert "lines 10-12" in page
    ask(client, incident)  # what nobody recommends is asked for without
    assert not hasattr(RecoveryRequest.objects.order_by("pk").last(), "recommendation")


def test_from_a_stack_without_an_incident(world: World) -> None:
    assert ask(signed_in(world.operator), world.stack, "test.write_at_once").status_code == 302
    made = RecoveryRequest.objects.get()
    assert (made.incident_id, made.state) == (None, "approved")


@pytest.mark.parametrize("seen", ["", "0" * 64])
def test_what_was_not_seen_is_not_asked_for(world: World, seen: str) -> None:
    said = {**FILLED, "do": "ask", "because": "it is broken", "seen": seen}
    answer = signed_in(world.operator).post(ask_address(world.stack, "test.write"), said)
    assert answer.status_code == 409
    assert "not the plan that you saw" in answer.content.decode()
    assert answer.context["planned"] is not None  # shown now, so that the next click asks for it
    assert not RecoveryRequest.objects.exists()


def test_a_target_that_changed_meanwhile_is_shown_anew(world: World) -> None:
    client = signed_in(world.operator)
    seen = planned(client, world.stack).context["form"].data["seen"]
    (world.root / "target").write_text("somebody was faster\n")
    said = {**FILLED, "do": "ask", "because": "it is broken", "seen": seen}
    answer = client.post(ask_address(world.stack, "test.write"), said)
    assert answer.status_code == 409
    assert "somebody was faster" in answer.content.decode()
    again = {**said, "seen": answer.context["form"].data["seen"]}
    assert client.post(ask_address(world.stack, "test.write"), again).status_code == 302


def test_without_a_reason_nothing_is_asked_for(world: World) -> None:
    assert ask(signed_in(world.operator), world.stack, because=" ").status_code == 400
    assert not RecoveryRequest.objects.exists()


def test_parameters_that_are_no_good_are_told_at_their_fields(world: World) -> None:
    answer = planned(signed_in(world.operator), world.stack, **{"with-file": "NOT SO"})
    assert answer.status_code == 400
    assert "does not match" in str(answer.context["form"].errors["with-file"])
    answer = planned(signed_in(world.operator), world.stack, **{"with-lines": "11"})
    assert answer.status_code == 400


def test_what_does_not_apply_is_said(world: World, incident: Incident) -> None:
    answer = signed_in(world.operator).get(f"{ask_address(incident, 'service.restart')}&with-service=api")
    assert answer.status_code == 409
    assert "its services are no containers" in answer.content.decode()


def test_a_retry_names_the_former(world: World) -> None:
    former = world.deny(world.ask())
    assert ask(signed_in(world.operator), world.stack, retry_of=str(former.pk)).status_code == 302
    assert RecoveryRequest.objects.latest("pk").retry_of == former


def test_the_catalogue_shows_every_action(world: World) -> None:
    page = signed_in(world.operator).get(ask_address(world.stack)).content.decode()
    for slug in registry.all_actions():
        assert ask_address(world.stack, slug).replace("&", "&amp;") in page, slug
    assert signed_in(world.operator).get(f"{ask_address(world.stack)}?action=no.such").status_code == 404


def test_only_operators_ask(world: World, incident: Incident, auditor: User, reporter: User) -> None:
    for user, status in ((world.approver, 403), (auditor, 403), (reporter, 403)):
        client = signed_in(user)
        assert client.get(ask_address(incident)).status_code == status
        said = {**FILLED, "do": "ask", "because": "I may not"}
        assert client.post(ask_address(incident, "test.write"), said).status_code == status
    assert 'aria-label="Recovery"' in signed_in(auditor).get(address(incident)).content.decode()
    assert ask_address(incident) not in signed_in(world.approver).get(address(incident)).content.decode()
    assert not RecoveryRequest.objects.exists()


@pytest.mark.parametrize("slug", sorted(registry.all_actions()))
def test_every_action_has_a_form_that_gives_back_what_was_filled_in(world: World, slug: str) -> None:
    schema = registry.all_actions()[slug].schema()
    fields = fields_of(schema, known={})
    assert len(fields) == len(schema["properties"])
    samples: dict[str, Any] = {"string": "some", "integer": 3, "boolean": True}
    document = {
        name: [samples[one["items"]["type"]]] if one["type"] == "array" else samples[one["type"]]
        for name, one in schema["properties"].items()
    }
    data = data_of(schema, document)
    kinds = {name: one["type"] for name, one in schema["properties"].items()}
    cleaned = {name: _cleaned(value, kinds[name.removeprefix("with-")]) for name, value in data.items()}
    assert document_of(schema, cleaned) == document


def _cleaned(value: str, kind: str) -> Any:
    """Give what the form's field makes of its data."""
    return int(value) if kind == "integer" else value == "on" if kind == "boolean" else value
