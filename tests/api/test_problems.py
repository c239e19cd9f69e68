"""Every refusal under /api/ is a problem in the form of RFC 9457."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from rest_framework.test import APIClient

from awe_incidents.accounts.errors import AccountsError
from awe_incidents.accounts.models import User
from awe_incidents.api.errors import ApiError
from awe_incidents.api.middleware import RequestMiddleware
from awe_incidents.api.problem_kinds import INVALID, MALFORMED
from awe_incidents.api.problems import BY_ERROR, BY_STATUS
from awe_incidents.api.v1 import bug_reports, runs
from awe_incidents.audit.errors import AuditError
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.errors import IncidentsError
from awe_incidents.incidents.models import Incident
from diagnostics.errors import DiagnosticsError
from diagnostics.models import Stack
from diagnostics.redaction.errors import RedactionError, RedactionFailed
from tests import database
from tests.api.conftest import FIELDS, FILING, client_with, file_report, pointers_of, problem_of, token_of
from tests.conftest import client_of

ADDRESSES = ["/api/", "/api/nothing/", "/api/v2/runs/", "/api/v1/runs/abc/", "/api/v1/stacks/Not_A_Name/"]


@pytest.fixture
def client(reporter: User) -> APIClient:
    """The reporter's client, which shows answers to errors instead of raising them."""
    return client_with(token_of(reporter))


@pytest.mark.parametrize("path", [*ADDRESSES, "/api/v1/runs/%00/", "/api/%F0%9F%92%A5/", "/api/v1/stacks/a%00b/"])
def test_an_unknown_address_is_not_found(client: APIClient, path: str) -> None:
    body = problem_of(client.get(path), 404, "not-found")
    assert body["instance"].isascii()
    assert "\0" not in body["instance"]


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_an_unknown_address_is_not_found_by_any_method(client: APIClient, path: str, method: str) -> None:
    problem_of(getattr(client, method)(path), 404, "not-found")


@pytest.mark.parametrize("number", [2**31, 2**63 - 1, 2**63, 2**64, 10**30, "9" * 5000, 0])
@pytest.mark.parametrize(
    "path", ["bug-reports/{}/", "incidents/{}/", "incidents/{}/runs/", "incidents/{}/timeline/", "runs/{}/"]
)
def test_an_id_of_any_size_is_not_found(client: APIClient, path: str, number: object) -> None:
    problem_of(client.get(f"/api/v1/{path.format(number)}"), 404, "not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("put", FILING, "GET, POST, HEAD, OPTIONS"),
        ("delete", "/api/v1/runs/1/", "GET, HEAD, OPTIONS"),
        ("post", "/api/v1/runs/", "GET, HEAD, OPTIONS"),
        ("put", "/api/v1/incidents/1/", "GET, PATCH, HEAD, OPTIONS"),
        ("delete", f"{FILING}1/revisions/", "GET, POST, HEAD, OPTIONS"),
        ("get", "/api/v1/incidents/1/transitions/", "POST, OPTIONS"),
        ("head", "/api/v1/incidents/1/transitions/", "POST, OPTIONS"),
        ("delete", "/api/schema/", "GET, HEAD, OPTIONS"),
        ("put", "/api/docs/", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(client: APIClient, method: str, path: str, allowed: str) -> None:
    response = getattr(client, method)(path)
    assert response.status_code == 405
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Allow"] == allowed


def test_a_method_that_nobody_knows_is_refused(client: APIClient) -> None:
    problem_of(client.generic("BREW", FILING), 405, "method-not-allowed")


def test_a_method_in_a_header_or_parameter_overrides_nothing(client: APIClient, stack: Stack) -> None:
    filed = file_report(client, actual_behavior="kept")
    client.post(FILING, FIELDS, format="json", headers={"X-HTTP-Method-Override": "DELETE"})
    client.post(f"{FILING}?_method=DELETE", FIELDS, format="json")
    assert client.get(filed["links"]["self"]).status_code == 200


@pytest.mark.parametrize("accept", ["application/xml", "text/html", "image/*", "application/jsonx", "garbage"])
@pytest.mark.parametrize("path", [FILING, "/api/v1/runs/1/", "/api/schema/"])
def test_a_media_type_that_cannot_be_given_is_not_acceptable(client: APIClient, accept: str, path: str) -> None:
    problem_of(client.get(path, headers={"Accept": accept}), 406, "not-acceptable")


@pytest.mark.parametrize("accept", ["application/json", "*/*", "application/*", "text/html, */*;q=0.1"])
def test_json_is_given_to_whoever_takes_it(client: APIClient, accept: str) -> None:
    assert client.get(FILING, headers={"Accept": accept}).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    ["application/xml", "text/plain", "application/x-www-form-urlencoded", "multipart/mixed; boundary=x", "x"],
)
def test_a_media_type_that_is_not_taken_is_refused(client: APIClient, stack: Stack, content_type: str) -> None:
    problem_of(client.generic("POST", FILING, "a=b", content_type=content_type), 415, "media-type")


def test_another_host_is_refused_as_a_problem(client: APIClient) -> None:
    problem_of(client.get(FILING, headers={"Host": "evil.example"}), 400, "malformed")
    problem_of(client.get(FILING, headers={"Host": "a b\0c"}), 400, "malformed")


def test_the_forgery_check_answers_with_a_problem() -> None:
    strict = Client(enforce_csrf_checks=True)
    problem_of(strict.post("/api/problems/invalid/"), 403, "not-allowed")


def test_a_token_needs_no_forgery_check_and_a_session_opens_nothing(operator: User, stack: Stack) -> None:
    strict = APIClient(enforce_csrf_checks=True)
    strict.force_login(operator)
    problem_of(strict.get(FILING), 401, "not-authenticated")
    problem_of(strict.post(FILING, FIELDS, format="json"), 401, "not-authenticated")
    authorization = {"Authorization": f"Bearer {token_of(operator)}"}
    assert strict.post(FILING, FIELDS, format="json", headers=authorization).status_code == 201


def test_a_missing_slash_is_answered_so_that_a_post_stays_a_post(client: APIClient) -> None:
    response = client.post(FILING.rstrip("/"), FIELDS, format="json")
    assert (response.status_code, response.headers["Location"]) == (308, FILING)


@pytest.mark.parametrize("debug", [False, True])
def test_an_unexpected_error_tells_nothing_of_the_inside(
    client: APIClient, monkeypatch: pytest.MonkeyPatch, settings: Any, debug: bool
) -> None:
    def fail(self: object) -> None:
        raise RuntimeError("secret inside")

    settings.DEBUG = debug
    monkeypatch.setattr(runs.RunList, "get_queryset", fail)
    response = client.get("/api/v1/runs/")
    body = problem_of(response, 500, "internal")
    assert "secret inside" not in response.content.decode()
    assert "RuntimeError" not in response.content.decode()
    assert set(body) == {"type", "title", "status", "detail", "instance"}


def test_a_text_that_cannot_be_redacted_is_not_stored(
    client: APIClient, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise RedactionFailed.because_of("MemoryError")

    monkeypatch.setattr(bug_reports, "file_bug_report", fail)
    body = problem_of(client.post(FILING, FIELDS, format="json"), 500, "not-redacted")
    assert FIELDS["actual_behavior"] not in json.dumps(body)


@pytest.mark.django_db(transaction=True)
def test_without_a_writable_trail_nothing_is_changed(operator: User, stack: Stack) -> None:
    client = client_of(operator)
    before = Entry.objects.count()
    with database.superuser().connect(str(connection.settings_dict["NAME"])) as superuser:
        superuser.execute("REVOKE INSERT ON audit_entry FROM incidents_app")
        try:
            for path, body in ((FILING, FIELDS), ("/api/v1/incidents/", {"stack": "plain", "title": "x"})):
                for key in ({}, {"Idempotency-Key": "k"}):
                    response = client.post(path, body, format="json", headers=key)
                    told = problem_of(response, 503, "trail-unavailable")
                    assert int(response.headers["Retry-After"]) > 0
                    assert "nothing was changed" in told["detail"]
        finally:
            superuser.execute("GRANT INSERT ON audit_entry TO incidents_app")
    assert not Incident.objects.exists()
    assert Entry.objects.count() == before
    assert client.post(FILING, FIELDS, format="json", headers={"Idempotency-Key": "k"}).status_code == 201


@pytest.mark.django_db(transaction=True)
def test_a_database_that_refuses_connections_is_a_503_until_it_is_back(operator: User, stack: Stack) -> None:
    client = client_of(operator)
    name = str(connection.settings_dict["NAME"])
    with database.superuser().connect() as superuser:
        superuser.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            superuser.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            for response in (client.get("/api/v1/runs/"), client.post(FILING, FIELDS, format="json")):
                problem_of(response, 503, "unavailable")
                assert int(response.headers["Retry-After"]) > 0
                assert name not in response.content.decode()
            assert client.get("/readyz").status_code == 503
            assert client.get("/livez").status_code == 200
        finally:
            superuser.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            connection.close()
    assert client.get("/readyz").status_code == 200
    assert client.post(FILING, FIELDS, format="json").status_code == 201


def test_a_body_that_breaks_off_is_malformed(client: APIClient, stack: Stack) -> None:
    class Broken(BytesIO):
        """A line that goes dead."""

        def read(self, *args: object) -> bytes:
            raise ConnectionResetError

    request: Any = {"wsgi.input": Broken(), "CONTENT_LENGTH": "100"}
    for key in ({}, {"Idempotency-Key": "k"}):
        answer = client.generic("POST", FILING, "", content_type="application/json", headers=key, **request)
        problem_of(answer, 400, "malformed")


@pytest.mark.parametrize(
    ("status", "slug"), [(404, "not-found"), (411, "malformed"), (418, "malformed"), (502, "internal")]
)
def test_an_answer_that_something_else_made_becomes_a_problem(status: int, slug: str) -> None:
    def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse("<h1>inside</h1>", status=status, headers={"Retry-After": "7", "Set-Cookie": "x=y"})

    response = RequestMiddleware(answer)(RequestFactory().get("/api/x/"))
    body = json.loads(response.content)
    assert (response.status_code, body["status"], body["type"]) == (status, status, f"/api/problems/{slug}/")
    assert response.headers["Retry-After"] == "7"
    assert "Set-Cookie" not in response.headers
    assert RequestMiddleware(answer)(RequestFactory().get("/admin/")).content == b"<h1>inside</h1>"


def test_every_problem_of_a_request_is_named_at_once(client: APIClient, stack: Stack) -> None:
    response = client.post(
        FILING, {"stack": "nowhere", "environment": "Moon", "container_logs": 5, "a/b~c": 1}, format="json"
    )
    body = problem_of(response, 400, "invalid")
    assert sorted(pointers_of(body)) == [
        ("body", "#/actual_behavior"),
        ("body", "#/a~1b~0c"),
        ("body", "#/container_logs"),
        ("body", "#/environment"),
        ("body", "#/stack"),
    ]


def _leaves(base: type[Exception]) -> list[type[Exception]]:
    below = base.__subclasses__()
    return [leaf for one in below for leaf in _leaves(one)] if below else [base]


@pytest.mark.parametrize(
    "base", [AccountsError, ApiError, AuditError, DiagnosticsError, IncidentsError, RedactionError]
)
def test_every_domain_error_has_a_row(base: type[Exception]) -> None:
    for leaf in _leaves(base):
        assert any(cls in BY_ERROR for cls in leaf.__mro__), leaf.__name__


def test_every_kind_of_problem_has_one_title_and_a_page() -> None:
    kinds = {*BY_STATUS.values(), *BY_ERROR.values(), INVALID, MALFORMED}
    assert len({kind.slug for kind in kinds}) == len(kinds)
    for kind in kinds:
        page = Client().get(f"/api/problems/{kind.slug}/")
        assert kind.title in page.content.decode()
    problem_of(Client().get("/api/problems/nonsense/"), 404, "not-found")
