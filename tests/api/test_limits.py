"""Limits at the door: whose tries are counted, what a refusal looks like, and what every answer tells."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from awe_incidents.accounts.addresses import client_network
from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import BugReport
from awe_incidents.limits.chosen import give_back
from diagnostics.models import Stack
from tests.api.conftest import FIELDS, FILING, client_with, file_report, problem_of, token_of
from tests.conftest import client_of

RUNS = "/api/v1/runs/"
HERE = "203.0.113.7"


@pytest.fixture(autouse=True)
def _limits(settings: Any, db: None) -> None:
    """Give nothing back while a test lasts, and count nobody from before: ids and addresses come again."""
    settings.AWE_LIMITS = {
        "reading": (5, 3600), "filing": (3, 3600), "authentication": (4, 3600), "sign-in": (3, 3600),
    }  # fmt: skip


@pytest.fixture
def client(reporter: User) -> APIClient:
    _forget(reporter)
    return client_of(reporter)


def _forget(user: User) -> None:
    for name in ("reading", "filing"):
        give_back(name, subject=f"person:{user.pk}")


def stranger(address: str = HERE, authorization: str | None = "Bearer nonsense") -> Any:
    headers = {"Authorization": authorization} if authorization else {}
    return APIClient().get(RUNS, headers=headers, REMOTE_ADDR=address)


def test_every_answer_tells_what_is_left(client: APIClient) -> None:
    response = client.get(RUNS)
    assert response.headers["RateLimit-Policy"] == '"reading";q=5;w=3600'
    assert response.headers["RateLimit"] == '"reading";r=4;t=720'
    again = client.get(RUNS, headers={"If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304
    assert re.fullmatch(r'"reading";r=3;t=7[12]\d', again.headers["RateLimit"])
    assert '"reading";r=2;' in client.get("/api/v1/runs/1/").headers["RateLimit"]  # 404 counts, too


def test_who_reads_too_much_is_told_when_to_come_again(client: APIClient) -> None:
    for _ in range(5):
        assert client.get(RUNS).status_code == 200
    response = client.get(RUNS)
    told = problem_of(response, 429, "quota-exceeded")
    assert "reading is limited to 5 requests in 3600 s" in told["detail"]
    assert 0 < int(response.headers["Retry-After"]) <= 720
    assert response.headers["RateLimit"] == f'"reading";r=0;t={response.headers["Retry-After"]}'


def test_reading_and_filing_have_quotas_of_their_own(client: APIClient, stack: Stack) -> None:
    for _ in range(6):
        client.get(RUNS)
    for _ in range(3):
        assert client.post(FILING, FIELDS, format="json").headers["RateLimit-Policy"] == '"filing";q=3;w=3600'
    problem_of(client.post(FILING, FIELDS, format="json"), 429, "quota-exceeded")
    assert BugReport.objects.count() == 3


def test_a_refused_filing_stores_nothing_and_keeps_no_key(client: APIClient, stack: Stack, reporter: User) -> None:
    for _ in range(3):
        client.post(FILING, {}, format="json")  # what is refused for its fields counts, too
    key = {"Idempotency-Key": "k"}
    problem_of(client.post(FILING, FIELDS, format="json", headers=key), 429, "quota-exceeded")
    assert not BugReport.objects.exists()
    _forget(reporter)
    assert client.post(FILING, FIELDS, format="json", headers=key).status_code == 201


def test_a_repetition_under_a_key_counts(client: APIClient, stack: Stack) -> None:
    answers = [client.post(FILING, FIELDS, format="json", headers={"Idempotency-Key": "k"}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
    assert BugReport.objects.count() == 1


def test_the_tokens_of_a_person_share_a_quota_and_other_people_have_their_own(
    client: APIClient, reporter: User, operator: User
) -> None:
    _forget(operator)
    other_token = client_with(token_of(reporter))
    answers = [(client, other_token)[number % 2].get(RUNS).status_code for number in range(6)]
    assert answers == [200] * 5 + [429]
    assert client_of(operator).get(RUNS).status_code == 200


@pytest.mark.parametrize("authorization", ["Bearer nonsense", None, "Basic YTpi", "Bearer awe_00000000_" + "A" * 43])
def test_a_stranger_who_tries_too_often_is_told_so(client: APIClient, authorization: str | None) -> None:
    give_back("authentication", subject=f"address:{HERE}")
    for _ in range(4):
        problem_of(stranger(authorization=authorization), 401, "not-authenticated")
    response = stranger(authorization=authorization)
    problem_of(response, 429, "quota-exceeded")
    assert response.headers["RateLimit-Policy"] == '"authentication";q=4;w=3600'
    assert int(response.headers["Retry-After"]) > 0


def test_strangers_lock_out_neither_other_addresses_nor_people_at_their_own(client: APIClient) -> None:
    for _ in range(6):
        stranger()
    assert client.get(RUNS, REMOTE_ADDR=HERE).status_code == 200
    give_back("authentication", subject="address:203.0.113.8")
    problem_of(stranger("203.0.113.8"), 401, "not-authenticated")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_an_ipv6_network_is_one_caller(address: str, network: str) -> None:
    assert client_network({"REMOTE_ADDR": address}) == network


def test_a_limit_that_is_off_counts_and_tells_nothing(client: APIClient, settings: Any) -> None:
    settings.AWE_LIMITS = dict.fromkeys(settings.AWE_LIMITS)
    answers = [client.get(RUNS) for _ in range(8)]
    assert {answer.status_code for answer in answers} == {200}
    assert not any(name.startswith("RateLimit") for answer in answers for name in answer.headers)
    assert {stranger().status_code for _ in range(8)} == {401}


def test_pages_that_need_no_token_are_not_counted(client: APIClient) -> None:
    for path in ("/livez", "/readyz", "/api/schema/", "/api/docs/", "/api/problems/quota-exceeded/"):
        for _ in range(7):
            assert Client().get(path).status_code == 200


def test_the_schema_tells_of_limits() -> None:
    document = json.loads(Client().get("/api/schema/", headers={"Accept": "application/json"}).content)
    filing = document["paths"]["/api/v1/bug-reports/"]["post"]["responses"]
    assert {"RateLimit", "RateLimit-Policy"} <= set(filing["201"]["headers"])
    refused = document["components"]["responses"][filing["429"]["$ref"].rpartition("/")[2]]
    assert set(refused["headers"]) == {"Retry-After", "RateLimit", "RateLimit-Policy"}


def test_a_report_is_filed_under_a_limit(client: APIClient, stack: Stack) -> None:
    assert file_report(client)["id"] == BugReport.objects.get().pk
