"""Joining and moving over HTTP: what the answer says, and what a reporter never learns of another one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import Incident
from diagnostics.models import Stack
from tests.api.conftest import FILING, client_with, file_report, pointers_of, problem_of, token_of

EXPIRED = "Zaunkoenig certificate of the server expired, nobody gets through"
EXPIRED_TOO = "Server certificate expired yesterday, Amsel says"
OWN_WORDS = {"zaunkoenig", "gets"}  # of the first report alone
LOG = {"container_logs": "api | ERROR: certificate has expired: Rotkehlchen\n"}


@pytest.fixture
def client(reporter: User, stack: Stack) -> APIClient:
    """The first reporter's client."""
    return client_with(token_of(reporter))


@pytest.fixture
def other(other_reporter: User, stack: Stack) -> APIClient:
    """The second reporter's client."""
    return client_with(token_of(other_reporter))


@pytest.fixture
def desk(operator: User, stack: Stack) -> APIClient:
    """The operator's client."""
    return client_with(token_of(operator))


def markdown(client: APIClient, said: str, query: str) -> dict[str, Any]:
    text = f"**Environment**: Production\n**Actual Behavior**: {said}\n"
    response = client.generic("POST", f"{FILING}?stack=plain{query}", text, content_type="text/markdown")
    assert response.status_code == 201, response.content
    return dict(response.json())


def move(client: APIClient, report: dict[str, Any], to: Any, *, tag: str = "", because: str = "it is another") -> Any:
    tag = tag or client.get(report["links"]["self"]).headers["ETag"]
    body = {"incident": to, "because": because}
    return client.post(f"{FILING}{report['id']}/incident/", body, format="json", headers={"If-Match": tag})


def test_the_answer_says_which_incident_was_joined_and_why(client: APIClient, other: APIClient) -> None:
    first, second = file_report(client, actual_behavior=EXPIRED), file_report(other, actual_behavior=EXPIRED_TOO)
    assert (first["joined"], first["joining"]) == (False, None)
    assert (second["joined"], second["incident"]) == (True, first["incident"])
    why = second["joining"]
    assert why["threshold"] <= why["score"] <= 1
    assert why["words"][:2] == ["certificate", "expired"]  # what tells most stands first
    assert not OWN_WORDS & set(why["words"])
    assert set(why["parts"]) <= {"said", "told", "lines"}
    assert other.get(second["run"]).status_code == 200


def test_who_insists_gets_an_incident_of_its_own_in_every_form(client: APIClient) -> None:
    first = file_report(client, actual_behavior=EXPIRED)
    known = {first["incident"]}
    form = {"stack": "plain", "environment": "Production", "actual_behavior": EXPIRED, "new_incident": "true"}
    as_form = client.post(FILING, form, format="multipart")
    assert as_form.status_code == 201, as_form.content
    for filed in (
        file_report(client, actual_behavior=EXPIRED, new_incident=True),
        markdown(client, EXPIRED, "&new_incident=true"),
        as_form.json(),
    ):
        assert (filed["joined"], filed["incident"] in known) == (False, False)
        known.add(filed["incident"])
    for filed in (
        file_report(client, actual_behavior=EXPIRED, new_incident=False),
        markdown(client, EXPIRED, "&new_incident=false"),
    ):
        assert filed["joined"] is True


@pytest.mark.parametrize("value", ["yes", "true", 1, None, "", [True]])
def test_in_json_only_true_and_false_are_either(client: APIClient, value: object) -> None:
    answer = client.post(FILING, {"stack": "plain", "actual_behavior": "x", "new_incident": value}, format="json")
    assert pointers_of(problem_of(answer, 400, "invalid")) == [("body", "#/new_incident")]


@pytest.mark.parametrize("value", ["yes", "1", "", "True"])
def test_in_a_query_only_the_words_are(client: APIClient, value: str) -> None:
    answer = client.generic("POST", f"{FILING}?stack=plain&new_incident={value}", "x", content_type="text/markdown")
    assert pointers_of(problem_of(answer, 400, "invalid")) == [("query", "#/new_incident")]


def everything(client: APIClient, incident: int) -> str:
    """Give all that a person reads of an incident, and of every list."""
    told = [client.get(f"/api/v1/incidents/{incident}/"), client.get(f"/api/v1/incidents/{incident}/timeline/")]
    lists = ("incidents/", "bug-reports/", "runs/", f"bug-reports/?incident={incident}")
    told += [client.get(f"/api/v1/{path}") for path in lists]
    runs = client.get(f"/api/v1/incidents/{incident}/runs/").json()["results"]
    told += [client.get(row["url"]) for row in runs]
    assert {one.status_code for one in told} == {200}
    return "\n".join(one.content.decode() + json.dumps(dict(one.headers)) for one in told)


def _names(user: User) -> tuple[str, str]:
    return f'"reporter":"{user.username}"', f"user:{user.username}"


def test_reporters_of_one_incident_learn_nothing_of_each_other(
    client: APIClient, other: APIClient, desk: APIClient, reporter: User, other_reporter: User
) -> None:
    first = file_report(client, actual_behavior=EXPIRED, **LOG)
    second = file_report(other, actual_behavior=EXPIRED_TOO)
    incident = first["incident"]
    mine, theirs = everything(client, incident), everything(other, incident)

    for secret in ("Zaunkoenig", "Rotkehlchen", *_names(reporter), str(first["id"])):
        assert secret in mine, secret
        assert secret not in theirs + json.dumps(second), secret
    for secret in ("Amsel", *_names(other_reporter), str(second["id"])):
        assert secret in theirs, secret
        assert secret not in mine, secret
    assert other.get(f"/api/v1/incidents/{incident}/").json()["title"] == f"Incident {incident}"
    assert client.get(f"/api/v1/incidents/{incident}/").json()["title"] == EXPIRED
    assert {"Zaunkoenig", "Amsel"} <= set(everything(desk, incident).replace('"', " ").split())


def test_a_revision_of_one_does_not_rename_the_incident_for_the_other(client: APIClient, other: APIClient) -> None:
    first, second = (file_report(one, actual_behavior=EXPIRED) for one in (client, other))
    assert second["incident"] == first["incident"]
    tag = other.get(second["links"]["self"]).headers["ETag"]
    revised = other.post(
        second["links"]["revisions"], {"actual_behavior": "Amsel"}, format="json", headers={"If-Match": tag}
    )
    assert revised.status_code == 201, revised.content
    assert Incident.objects.get(pk=first["incident"]).title == EXPIRED
    assert "Amsel" not in everything(client, first["incident"])


def test_an_operator_moves_a_report_and_its_reporter_goes_along(
    client: APIClient, other: APIClient, desk: APIClient
) -> None:
    first, second = file_report(client, actual_behavior=EXPIRED), file_report(other, actual_behavior=EXPIRED_TOO)
    moved = move(desk, second, None)
    assert moved.status_code == 201, moved.content
    new = moved.json()["incident"]
    assert moved.headers["Location"].endswith(f"/incidents/{new}/")
    assert other.get(second["links"]["incident"]).status_code == 404
    assert other.get(f"/api/v1/incidents/{new}/").json()["title"] == EXPIRED_TOO
    assert other.get(second["run"]).status_code == 200
    assert client.get(f"/api/v1/incidents/{new}/").status_code == 404
    assert "Amsel" not in everything(client, first["incident"])
    timeline = other.get(f"/api/v1/incidents/{new}/timeline/").json()["results"]
    assert [one["kind"] for one in timeline] == ["opened", "report_moved_here"]
    assert {one["actor"] for one in timeline} == {"user:somebody"}
    back = move(desk, second, first["incident"], because="the same after all")
    assert (back.status_code, back.json()["incident"]) == (201, first["incident"])


def test_moving_demands_the_version_that_was_read(client: APIClient, desk: APIClient) -> None:
    report = file_report(client, actual_behavior=EXPIRED)
    address, body = f"{FILING}{report['id']}/incident/", {"incident": None, "because": "so"}
    problem_of(desk.post(address, body, format="json"), 428, "precondition-required")
    tag = desk.get(report["links"]["self"]).headers["ETag"]
    assert move(desk, report, None, tag=tag).status_code == 201
    problem_of(move(desk, report, report["incident"], tag=tag), 412, "stale-version")
    problem_of(
        client.post(report["links"]["revisions"], {"screenshots": "x"}, format="json", headers={"If-Match": tag}),
        412,
        "stale-version",
    )


@pytest.mark.parametrize("to", [10**9, 0, "1", 1.5, True, [1]])
def test_moving_to_where_nothing_is_is_refused(client: APIClient, desk: APIClient, to: object) -> None:
    report = file_report(client, actual_behavior=EXPIRED)
    assert pointers_of(problem_of(move(desk, report, to), 400, "invalid")) == [("body", "#/incident")]


def test_moving_takes_a_goal_and_a_reason(client: APIClient, desk: APIClient) -> None:
    report = file_report(client, actual_behavior=EXPIRED)
    answer = desk.post(f"{FILING}{report['id']}/incident/", {}, format="json", headers={"If-Match": "*"})
    assert pointers_of(problem_of(answer, 400, "invalid")) == [("body", "#/incident"), ("body", "#/because")]
    problem_of(move(desk, report, report["incident"]), 409, "nothing-changed")


@pytest.mark.parametrize("role", ["reporter", "approver", "auditor"])
def test_others_than_operators_do_not_move(
    request: pytest.FixtureRequest, client: APIClient, stack: Stack, role: str
) -> None:
    person = client_with(token_of(request.getfixturevalue(role)))
    told = [
        person.post(f"{FILING}{number}/incident/", {"incident": None, "because": "x"}, format="json")
        for number in (file_report(client)["id"], 10**9)
    ]
    bodies = [problem_of(one, 403, "not-allowed") | {"instance": ""} for one in told]
    assert bodies[0] == bodies[1]
