"""The small pages: alive, ready, and an id on every answer."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from structlog.testing import capture_logs

from awe_incidents.accounts.models import User
from awe_incidents.api import pages
from tests.api.conftest import client_with, problem_of, token_of


def test_the_process_says_that_it_lives_without_a_database() -> None:
    response = Client().get("/livez")
    assert (response.status_code, response.content) == (200, b"ok\n")


def test_readiness_needs_the_database_and_its_migrations(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages._Migrations, "_applied", False)
    assert Client().get("/readyz").json() == {"status": "ok", "database": "ok"}
    assert pages._Migrations._applied


def test_unapplied_migrations_are_not_ready(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Behind:
        """An executor with something to do."""

        class loader:  # noqa: N801
            class graph:  # noqa: N801
                @staticmethod
                def leaf_nodes() -> list[str]:
                    return ["x"]

        def __init__(self, connection: object) -> None:
            pass

        def migration_plan(self, targets: list[str]) -> list[str]:
            return targets

    monkeypatch.setattr(pages._Migrations, "_applied", False)
    monkeypatch.setattr(pages, "MigrationExecutor", Behind)
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert "migrate" in response.json()["database"]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/api/problems/invalid/"])
def test_small_pages_only_read(db: None, path: str) -> None:
    assert Client().head(path).status_code == 200
    response = Client().post(path)
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("given", ["abc-123", "A.b_c-9", "x" * 64])
def test_a_request_id_is_given_back(reporter: User, given: str) -> None:
    client = client_with(token_of(reporter))
    for path in ("/api/v1/runs/", "/api/nothing/", "/livez", "/nothing/"):
        assert client.get(path, headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\nb", "é", '"', "a;b"])
def test_an_unusable_request_id_is_replaced(given: str) -> None:
    answered = Client().get("/livez", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert answered != given
    assert len(answered) == 32


def test_a_request_id_stands_in_the_log(reporter: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from structlog.contextvars import merge_contextvars

    from awe_incidents.api import problems

    monkeypatch.setattr(problems, "is_without_database", lambda error: True)
    monkeypatch.setattr("awe_incidents.api.v1.runs.visible_runs", lambda user: 1 / 0)
    with capture_logs(processors=[merge_contextvars]) as lines:
        response = client_with(token_of(reporter)).get("/api/v1/runs/", headers={"X-Request-ID": "find-me"})
    problem_of(response, 503, "unavailable")
    assert [line["request_id"] for line in lines if line["event"] == "database unavailable"] == ["find-me"]


def test_answers_of_the_api_are_not_kept_by_others(reporter: User) -> None:
    client = client_with(token_of(reporter))
    assert client.get("/api/nothing/").headers["Cache-Control"] == "no-store"
    assert client.get("/api/v1/runs/").headers["Cache-Control"] == "private, no-cache"


def test_the_request_middleware_is_the_outermost() -> None:
    assert settings.MIDDLEWARE[0] == "awe_incidents.api.middleware.RequestMiddleware"
