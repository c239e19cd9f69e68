"""Token inspection over HTTP and from the shell: it tells, records that it was done, and keeps nothing."""

from __future__ import annotations

import io
import json
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import psycopg
import pytest
import redis
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from psycopg import sql
from rest_framework.test import APIClient

from awe_incidents.accounts.models import User
from awe_incidents.accounts.operations import set_roles
from awe_incidents.accounts.roles import Role
from awe_incidents.actor import service
from awe_incidents.api.models import IdempotencyKey
from awe_incidents.audit.models import Disclosure, Entry
from diagnostics.errors import InspectionFailed
from diagnostics.models import Stack
from diagnostics.operations import apply_stack, inspect_token, inspecting, set_stack_secret
from diagnostics.probes.token_inspection import GivenToken
from diagnostics.stack import parse_toml
from tests import database
from tests.api.conftest import pointers_of, problem_of, token_of
from tests.api.web_server import database_url, serving
from tests.conftest import PLAIN_STACK, SETUP, client_of

PATH = "/api/v1/token-inspections/"
KEY = "a signing key of the plain stack, with enough bytes"
CANARY = "canary4711value"
STACK = f"""{PLAIN_STACK}
[services.worker]
role = "worker"

[tokens]
issuer = "plain"

[[tokens.keys]]
service = "api"
value = "db:jwt"

[[tokens.keys]]
service = "worker"
value = "file:worker.key"
"""


@pytest.fixture
def stack(db: None, tmp_path: Path) -> Stack:
    """A stack whose api has the right key, and whose worker's cannot be read."""
    stack = apply_stack(config=parse_toml(STACK, folder=tmp_path), by=SETUP, at=timezone.now()).stack
    set_stack_secret(stack=stack, name="jwt", value=KEY, by=SETUP, at=timezone.now())
    return Stack.objects.get(pk=stack.pk)


@pytest.fixture
def client(operator: User) -> APIClient:
    return client_of(operator)


def token(**claims: Any) -> str:
    return jwt.encode({"sub": CANARY, "iss": "plain", **claims}, KEY, algorithm="HS256", headers={"kid": "one"})


def inspect(client: APIClient, text: Any, **more: Any) -> Any:
    return client.post(PATH, {"stack": "plain", "token": text, **more}, format="json")


def test_an_operator_sees_what_stands_in_a_token_and_whose_key_fits(client: APIClient, stack: Stack) -> None:
    response = inspect(client, token(exp=int(timezone.now().timestamp()) - 60))
    assert response.status_code == 200
    body = response.json()
    assert (body["kind"], body["header"]) == ("signed", {"alg": "HS256", "typ": "JWT", "kid": "one"})
    assert body["claims"] == ["exp", "iss", "sub"]
    assert body["times"][0]["claim"] == "exp"
    assert -70 < body["times"][0]["from_now_seconds"] < -59
    assert [(key["service"], key["place"], key["fit"]) for key in body["keys"]] == [
        ("api", "db:jwt", "fits"),
        ("worker", "file:worker.key", "unreadable"),
    ]
    assert [note["code"] for note in body["notes"]] == ["token.expired"]
    assert response.headers["Cache-Control"] == "no-store"
    assert CANARY not in response.content.decode()


def test_it_is_recorded_that_it_was_done_and_nothing_else(client: APIClient, operator: User, stack: Stack) -> None:
    inspect(client, token())
    entry = Entry.objects.get(verb="stack:token_inspected")
    assert (entry.subject_id, entry.actor) == (str(stack.pk), f"user:{operator.pk}")
    assert json.loads(bytes(entry.body))["data"] == {}
    assert set(Disclosure.objects.filter(entry=entry).values_list("field", flat=True)) <= {
        "actor.name",
        "actor.address",
    }


def test_without_the_trail_nothing_is_told(client: APIClient, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    from awe_incidents.audit import trail
    from awe_incidents.audit.errors import TrailUnavailable

    def refuse(*_: Any, **__: Any) -> None:
        raise TrailUnavailable("it takes nothing")

    monkeypatch.setattr(trail, "record", refuse)
    problem_of(inspect(client, token()), 503, "trail-unavailable")


def test_reporters_and_readers_may_not(client: APIClient, operator: User, stack: Stack) -> None:
    for role in (Role.REPORTER, Role.APPROVER, Role.AUDITOR):
        set_roles(user=operator, roles=[role], by=SETUP, at=timezone.now(), because="test")
        problem_of(inspect(client, token()), 403, "not-allowed")
    problem_of(APIClient().post(PATH, {}, format="json"), 401, "not-authenticated")


def test_an_idempotency_key_is_passed_over_as_it_would_keep_something(client: APIClient, stack: Stack) -> None:
    for _ in range(2):
        body = {"stack": "plain", "token": token()}
        assert client.post(PATH, body, format="json", headers={"Idempotency-Key": "k"}).status_code == 200
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize(
    "text", ["garbage", "a.b.c", "e30.e30.", "\0", "..", "eyJhbGciOiJkaXIiLCJlbmMiOiJ4In0.a.b.c.d"]
)
def test_whatever_is_no_good_token_gets_an_answer(client: APIClient, stack: Stack, text: str) -> None:
    assert inspect(client, text).status_code == 200


@pytest.mark.parametrize("text", ["", "   ", None, 5, ["a"], {"a": 1}, "x" * 1_000_000])
def test_what_is_no_text_or_too_much_is_refused(client: APIClient, stack: Stack, text: Any) -> None:
    assert ("body", "#/token") in pointers_of(problem_of(inspect(client, text), 400, "invalid"))


def test_half_a_character_gets_an_answer(client: APIClient, stack: Stack) -> None:
    body = '{"stack": "plain", "token": "\\ud800"}'
    assert client.generic("POST", PATH, body, content_type="application/json").status_code == 200


def test_a_header_with_what_no_json_can_hold_is_answered(client: APIClient, stack: Stack) -> None:
    strange = jwt.encode({}, KEY, algorithm="HS256", headers={"kid": "\ud800\0\x1b[31m", "\udfff": 1})
    assert inspect(client, strange).status_code == 200


def test_the_address_has_nothing_to_read(client: APIClient, stack: Stack) -> None:
    for method in ("get", "put", "delete"):
        problem_of(getattr(client, method)(PATH), 405, "method-not-allowed")


def test_a_defect_tells_no_trace_of_the_token(
    client: APIClient, stack: Stack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(given: GivenToken, **_: Any) -> None:
        text = given.text
        raise RuntimeError(text)

    monkeypatch.setattr(inspecting, "inspect", fail)
    response = inspect(client, token())
    problem_of(response, 500, "not-inspected")
    assert not _leaks(response.content.decode() + caplog.text)

    with pytest.raises(InspectionFailed) as failed:
        inspect_token(stack=stack, token=GivenToken(token()), by=service("test"), at=timezone.now())
    # As a collector of errors does that takes the frames' variables along.
    whole = traceback.TracebackException.from_exception(failed.value, capture_locals=True)
    assert not _leaks("".join(whole.format()))


def _leaks(text: str) -> list[str]:
    header, claims, signature = token().split(".")
    return [part for part in (CANARY, KEY, claims, signature, header) if part in text]


def test_the_command_reads_standard_input_and_prints_no_value(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"Bearer {token(exp=1)}\n".encode())))
    call_command("inspect_token", "plain")
    printed = capsys.readouterr().out
    assert "signed token" in printed
    assert "key of api, db:jwt: fits" in printed
    assert "exp: 1970-01-01T00:00:01+00:00" in printed
    assert "token.expired" in printed
    assert not _leaks(printed)


def test_the_command_gives_json_and_shows_no_control_character(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    strange = jwt.encode({}, KEY, algorithm="HS256", headers={"kid": "\x1b]0;owned\x07"})
    for arguments in ((), ("--json",)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(strange.encode())))
        call_command("inspect_token", "plain", *arguments)
        printed = capsys.readouterr().out
        assert "\x1b" not in printed
    assert json.loads(printed)["kind"] == "signed"


def test_the_command_takes_no_token_among_its_arguments(stack: Stack) -> None:
    with pytest.raises(CommandError):
        call_command("inspect_token", "plain", token())
    with pytest.raises(CommandError, match="no stack"):
        call_command("inspect_token", "nowhere")


def test_a_hidden_prompt_asks_where_there_is_a_terminal(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: token())
    call_command("inspect_token", "plain")
    assert "key of api, db:jwt: fits" in capsys.readouterr().out


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "web.log"


@pytest.fixture
def server(stack: Stack, log: Path) -> Iterator[httpx.Client]:
    with serving(database_url(), log, AWE_LOG_LEVEL="DEBUG") as client:
        yield client


@pytest.mark.django_db(transaction=True)
def test_neither_database_nor_redis_nor_log_holds_anything_of_a_token(
    server: httpx.Client, operator: User, log: Path
) -> None:
    headers = {"Authorization": f"Bearer {token_of(operator)}", "Idempotency-Key": "k"}
    tokens = [token(), token(exp=1), f"x{token()}", token().replace(".", ". ")]
    for text in tokens:
        answers = [
            server.post(PATH, json={"stack": "plain", "token": text}, headers=headers),
            server.post(PATH, json={"stack": "nowhere", "token": text}, headers=headers),
            server.post(PATH, json={"stack": "plain", "token": [text]}, headers=headers),
            server.post(PATH, json={"stack": "plain", "token": text * 800}, headers=headers),
            server.post(PATH, content=f'{{"stack": "plain", "token": "{text}"', headers=headers),
            server.post(PATH, content=text, headers={**headers, "Content-Type": "application/json"}),
            server.post(PATH, content=text, headers={**headers, "Content-Type": "text/plain"}),
        ]
        assert [answer.status_code for answer in answers] == [200, 400, 400, 400, 415, 400, 415]
        assert not any(_leaks(answer.text) for answer in answers)
    assert not _leaks("\n".join(_database())), "database"
    assert not _leaks("\n".join(_redis())), "Redis"
    assert not _leaks(log.read_text(errors="replace")), "log"


def _database() -> Iterator[str]:
    """Give every row of every table as text, as a dump would hold it."""
    with database.superuser().connect(str(connection.settings_dict["NAME"])) as superuser:
        tables = superuser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        assert len(tables) > 20
        for (name,) in tables:
            yield from _rows(superuser, name)


def _rows(superuser: psycopg.Connection, name: str) -> Iterator[str]:
    for (row,) in superuser.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(name))):
        yield row
        yield from (bytes.fromhex(part[:-1]).decode("utf-8", "replace") for part in _byteas(row))


def _byteas(row: str) -> Iterator[str]:
    for part in row.split("\\x")[1:]:
        digits = part.split(",")[0].strip('")')
        if len(digits) % 2 == 0 and all(one in "0123456789abcdef" for one in digits):
            yield f"{digits}x"


def _redis() -> Iterator[str]:
    for number in range(16):
        client = redis.Redis.from_url(os.environ["REDIS_URL"].rpartition("/")[0] + f"/{number}")
        for key in client.scan_iter(count=1000):
            yield repr(key)
            yield repr(client.dump(key))
