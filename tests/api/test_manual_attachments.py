"""Files of what was done by hand over HTTP: with the record, added later, downloaded, and read by the right people."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role, Scope
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import Attachment
from awe_incidents.recovery.models import ManualAction
from diagnostics.models import Stack
from tests import forms, pictures
from tests.api.conftest import client_with, filed_by, pointers_of, problem_of, token_of
from tests.api.test_attachments import LOG, file, post, prepare
from tests.conftest import _person, client_of
from tests.triage.world import JWT

MANUAL = "/api/v1/manual-actions/"
SAID = {"stack": "plain", "done_at": "2026-01-01T00:00:00Z", "because": "the worker was stuck"}


@pytest.fixture
def client(operator: User, stack: Stack) -> APIClient:
    return client_of(operator)


def recorded(client: APIClient, **parts: Any) -> dict[str, Any]:
    answer = post(client, MANUAL, **SAID, **parts)
    assert answer.status_code == 201, answer.content
    body: dict[str, Any] = answer.json()
    return body


def test_it_is_recorded_with_its_files(client: APIClient, operator: User, reporter: User) -> None:
    incident = filed_by(reporter, mark="mine-4711").incident
    shot = file(pictures.photo_with_place(), "a<b>.png")
    body = recorded(client, incident=str(incident), commands="restart it", screenshot=[shot], attachment=[file(LOG)])

    assert (body["incident"], body["commands"]) == (incident, "restart it")
    picture, log = body["attachments"]
    assert (picture["kind"], picture["state"], log["state"]) == ("screenshot", "pending", "ready")
    assert {one["manual_action"] for one in (picture, log)} == {body["id"]}
    assert client.get(body["url"]).json() == body
    assert client.get(f"{body['url']}attachments/").json()["results"] == body["attachments"]
    assert Entry.objects.filter(verb="attachment:added", incident_id=incident).count() == 1 + 2  # one of the report

    problem_of(client.get(picture["links"]["content"]), 409, "attachment-not-ready")
    prepare()
    answer = client.get(picture["links"]["content"])
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("image/jpeg", "nosniff")
    assert b"SecretCamera" not in answer.content
    given = client.get(log["links"]["content"])
    assert given["Content-Disposition"].startswith("attachment; ")
    assert given["Content-Type"] == "text/plain; charset=utf-8"
    assert "sandbox" in given["Content-Security-Policy"]
    assert JWT not in given.content.decode()
    assert client.get(log["links"]["self"]).json() == log

    markdown = client.get(f"/api/v1/incidents/{incident}/diagnosis/", headers={"Accept": "text/markdown"})
    assert markdown.status_code == 200, markdown.content
    said = markdown.content.decode()
    assert "Done by hand, as told and not executed" in said
    assert log["sha256"] in said
    assert picture["links"]["self"] in said
    assert "a\\<b\\>.png" in said


def test_a_token_without_the_scope_reads_nothing_of_it_in_the_diagnosis(
    client: APIClient, operator: User, reporter: User
) -> None:
    incident = filed_by(reporter, mark="mine-4711").incident
    recorded(client, incident=str(incident), attachment=[file(LOG)])
    less = client_with(token_of(operator, scopes=[Scope.RUNS_READ, Scope.INCIDENTS_READ]))
    address, asked = f"/api/v1/incidents/{incident}/diagnosis/", {"Accept": "text/markdown"}
    assert "Done by hand" not in less.get(address, headers=asked).content.decode()
    assert "Done by hand" not in client_of(reporter).get(address, headers=asked).content.decode()


def test_fields_keep_their_rules_in_a_form(client: APIClient) -> None:
    wrong = post(client, MANUAL, **SAID | {"done_at": "2999-01-01T00:00:00Z"}, attachment=[file(LOG)])
    assert pointers_of(problem_of(wrong, 400, "invalid")) == [("body", "#/done_at")]
    answer = post(client, MANUAL, stack="plain", incident="many", mood="bad", attachment=[file(LOG)])
    pointers = {pointer for _, pointer in pointers_of(problem_of(answer, 400, "invalid"))}
    assert pointers == {"#/incident", "#/mood", "#/done_at", "#/because"}
    assert not ManualAction.objects.exists()
    many = post(client, MANUAL, **SAID, screenshot=[file(LOG), file(pictures.picture())], attachment=[file(b"a\0")])
    places = [pointer for _, pointer in pointers_of(problem_of(many, 400, "invalid"))]
    assert places == ["#/screenshot/0", "#/attachment/0"]
    assert not Attachment.objects.exists()


def test_json_goes_as_before(client: APIClient) -> None:
    answer = client.post(MANUAL, SAID, format="json")
    assert answer.status_code == 201, answer.content
    assert answer.json()["attachments"] == []


def test_who_recorded_it_adds_files(client: APIClient) -> None:
    to = f"{client.post(MANUAL, SAID, format='json').json()['url']}attachments/"
    answer = post(client, to, screenshot=[file(pictures.picture())], attachment=[file(LOG)])
    assert answer.status_code == 201, answer.content
    assert [one["kind"] for one in answer.json()["attachments"]] == ["screenshot", "text"]
    assert answer["Location"] == to
    assert len(client.get(to).json()["results"]) == 2
    other = client_of(_person("another", Role.OPERATOR))
    problem_of(post(other, to, attachment=[file(LOG)]), 403, "role-required")
    assert pointers_of(problem_of(post(client, to, because="x"), 400, "invalid")) == [("body", "#/because/0")]
    problem_of(client.post(to, {}, format="json"), 415, "media-type")
    problem_of(post(client, f"{MANUAL}999999999/attachments/", attachment=[file(LOG)]), 404, "not-found")


@pytest.mark.parametrize("role", Role)
def test_who_reads_recovery_reads_them_and_nobody_else(client: APIClient, role: Role) -> None:
    body = recorded(client, attachment=[file(LOG)])
    links = body["attachments"][0]["links"]
    reader = client_of(_person("reader", role))
    for address in (links["self"], links["content"], f"{body['url']}attachments/"):
        assert reader.get(address).status_code == (403 if role == Role.REPORTER else 200), (role, address)
        problem_of(APIClient().get(address), 401, "not-authenticated")


def test_the_addresses_of_reports_attachments_do_not_give_them(client: APIClient, operator: User) -> None:
    one = recorded(client, attachment=[file(LOG)])["attachments"][0]
    for part in ("", "content/"):
        problem_of(client.get(f"/api/v1/attachments/{one['id']}/{part}"), 404, "not-found")
    reports_only = client_with(token_of(operator, scopes=[Scope.REPORTS_READ]))
    problem_of(reports_only.get(one["links"]["content"]), 403, "not-allowed")


def test_it_is_recorded_once_under_its_key_whatever_the_boundary(client: APIClient) -> None:
    def send(boundary: str, because: str = "stuck") -> Any:
        parts = [*forms.texts({**SAID, "because": because}), ("screenshot", "a.png", pictures.picture())]
        kind = f"multipart/form-data; boundary={boundary}"
        body = forms.form(parts, boundary=boundary)
        return client.post(MANUAL, body, content_type=kind, headers={"Idempotency-Key": "once"})

    first, second = send("one-boundary"), send("another")
    assert (first.status_code, second.status_code) == (201, 201), first.content
    assert first.content == second.content
    assert ManualAction.objects.count() == Attachment.objects.count() == 1
    problem_of(send("third", "else"), 422, "idempotency-key-reused")
