"""Tokens at the door: who comes in, and what they may do now."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient, APIRequestFactory

from awe_incidents.accounts.addresses import client_address
from awe_incidents.accounts.models import ApiToken, User
from awe_incidents.accounts.operations import revoke_token, set_roles
from awe_incidents.accounts.roles import Role, Scope
from awe_incidents.audit.models import Disclosure, Entry
from diagnostics.models import Stack
from tests.api.conftest import FIELDS, FILING, client_with, file_report, problem_of, token_of
from tests.conftest import SETUP

CHALLENGE = 'Bearer realm="awe-incidents"'


def test_without_a_token_one_is_told_how_to_come_in(db: None) -> None:
    response = APIClient().get(FILING)
    assert "create_token" in problem_of(response, 401, "not-authenticated")["detail"]
    assert response.headers["WWW-Authenticate"] == CHALLENGE


@pytest.mark.parametrize(
    "header",
    [
        *("Bearer", "Bearer ", "Bearer awe_", "Bearer awe_00000000_" + "A" * 43, "Bearer x y", "Bearer \xff"),
        *("Basic YTpi", "Token abc", "bearer\tx", "Bearer " + "x" * 5000, "Bearer awe_00000000_\0" + "A" * 42),
    ],
)
def test_a_malformed_or_unknown_token_is_refused(db: None, header: str) -> None:
    response = APIClient().get(FILING, headers={"Authorization": header})
    problem_of(response, 401, "not-authenticated")
    assert response.headers["WWW-Authenticate"] == f'{CHALLENGE}, error="invalid_token"'


def test_the_scheme_is_taken_in_any_case(reporter: User) -> None:
    assert APIClient().get(FILING, headers={"Authorization": f"bEARER {token_of(reporter)}"}).status_code == 200


def test_an_expired_token_is_refused(reporter: User) -> None:
    text = token_of(reporter, lifetime=timedelta(minutes=5), at=timezone.now() - timedelta(minutes=6))
    problem_of(client_with(text).get(FILING), 401, "not-authenticated")


@pytest.mark.parametrize("wrong_by", [timedelta(hours=-1), timedelta(hours=1)], ids=["behind", "ahead"])
def test_the_clock_of_a_web_server_neither_shortens_nor_stretches_a_token(
    reporter: User, monkeypatch: pytest.MonkeyPatch, wrong_by: timedelta
) -> None:
    now = timezone.now()
    usable = token_of(reporter, lifetime=timedelta(minutes=5))
    expired = token_of(reporter, lifetime=timedelta(minutes=5), at=now - timedelta(minutes=6))
    monkeypatch.setattr(timezone, "now", lambda: now + wrong_by)
    assert client_with(usable).get(FILING).status_code == 200
    problem_of(client_with(expired).get(FILING), 401, "not-authenticated")


def test_a_revoked_token_is_refused_at_once(reporter: User) -> None:
    client = client_with(token_of(reporter))
    assert client.get(FILING).status_code == 200
    revoke_token(token=ApiToken.objects.get(), by=SETUP, at=timezone.now(), because="lost")
    problem_of(client.get(FILING), 401, "not-authenticated")


def test_the_token_of_an_inactive_person_is_refused(reporter: User) -> None:
    client = client_with(token_of(reporter))
    User.objects.filter(pk=reporter.pk).update(is_active=False)
    problem_of(client.get(FILING), 401, "not-authenticated")


def test_a_refusal_never_repeats_the_token(reporter: User) -> None:
    text = token_of(reporter)
    User.objects.filter(pk=reporter.pk).update(is_active=False)
    assert text not in client_with(text).get(FILING).content.decode()


def test_a_token_does_no_more_than_its_scopes(operator: User, stack: Stack) -> None:
    client = client_with(token_of(operator, scopes=[Scope.REPORTS_READ]))
    assert client.get(FILING).status_code == 200
    response = client.post(FILING, FIELDS, format="json")
    assert "reports:write" in problem_of(response, 403, "not-allowed")["detail"]
    problem_of(client.get("/api/v1/runs/"), 403, "not-allowed")
    problem_of(client.get("/api/v1/runs/1/"), 403, "not-allowed")


def test_a_scope_ends_with_the_role_that_allowed_it(operator: User, stack: Stack) -> None:
    client = client_with(token_of(operator))
    incident = {"stack": "plain", "title": "x"}
    assert client.post("/api/v1/incidents/", incident, format="json").status_code == 201
    set_roles(user=operator, roles=[Role.REPORTER], by=SETUP, at=timezone.now(), because="changed teams")
    problem_of(client.post("/api/v1/incidents/", incident, format="json"), 403, "not-allowed")
    assert client.get("/api/v1/incidents/").status_code == 200
    set_roles(user=operator, roles=[], by=SETUP, at=timezone.now(), because="left")
    problem_of(client.get("/api/v1/incidents/"), 403, "not-allowed")


def test_reading_roles_change_nothing(approver: User, auditor: User, stack: Stack) -> None:
    for person in (approver, auditor):
        client = client_with(token_of(person))
        assert client.get(FILING).status_code == 200
        problem_of(client.post(FILING, FIELDS, format="json"), 403, "not-allowed")


def test_use_of_a_token_is_noted_to_the_minute(reporter: User) -> None:
    client = client_with(token_of(reporter))
    client.get(FILING)
    first = ApiToken.objects.get().last_used_at
    client.get(FILING)
    assert first is not None
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    client.get(FILING)
    again = ApiToken.objects.get().last_used_at
    assert again is not None
    assert again >= first


def test_the_trail_names_person_token_and_address(reporter: User, stack: Stack) -> None:
    text = token_of(reporter)
    file_report(client_with(text))
    entry = Entry.objects.get(verb="bug_report:filed")
    assert entry.actor == f"user:{reporter.pk}"
    assert text.split("_")[1].encode() in bytes(entry.body)
    assert text.encode() not in bytes(entry.body)
    assert Disclosure.objects.get(entry=entry, field="actor.address").value == "127.0.0.1"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "6.6.6.6", "10.0.0.9"),
        (1, "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        (2, "6.6.6.6, 1.2.3.4, 10.0.0.1", "1.2.3.4"),
        (2, "1.2.3.4", "10.0.0.9"),
        (1, "", "10.0.0.9"),
        (1, "x" * 500, "x" * 64),
    ],
)
def test_a_forwarded_address_counts_behind_known_proxies_only(
    settings: object, proxies: int, forwarded: str, address: str
) -> None:
    settings.AWE_TRUSTED_PROXIES = proxies  # type: ignore[attr-defined]
    request = APIRequestFactory().get("/", REMOTE_ADDR="10.0.0.9", headers={"X-Forwarded-For": forwarded})
    assert client_address(request.META) == address
