"""The commands of accounts, as an administrator types them."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from awe_incidents.accounts import queries
from awe_incidents.accounts.models import ApiToken, User
from awe_incidents.audit.models import Entry
from tests.conftest import client_of


def run(*argv: str, **options: Any) -> str:
    out = io.StringIO()
    call_command(*argv, stdout=out, **options)
    return out.getvalue()


def test_a_person_is_created_with_roles(db: None) -> None:
    told = run("create_user", "ada", "--role", "operator", "--role", "reporter", "--role", "operator")
    assert told == "Created ada as operator, reporter.\n"
    assert User.objects.get().roles == ["operator", "reporter"]
    assert Entry.objects.get().actor == "command"


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["ada"], "--role"),
        (["ada", "--role", "king"], "invalid choice"),
        (["a b", "--role", "reporter"], "valid username"),
        (["", "--role", "reporter"], "cannot be blank"),
        (["x" * 151, "--role", "reporter"], "at most 150"),
    ],
)
def test_a_person_that_cannot_be_is_refused_in_plain_words(db: None, argv: list[str], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        run("create_user", *argv)
    assert not User.objects.exists()


def test_a_person_gets_an_address_and_loses_it(db: None) -> None:
    run("create_user", "ada", "--role", "approver", "--email", "ada@example.org")
    assert User.objects.get().email == "ada@example.org"
    told = run("set_email", "ada", "ada@example.net", "--because", "moved")
    assert told == "ada is written to at ada@example.net.\n"
    for wrong in ("ada", "ada@", "a@b.example\nBcc: c@d.example"):
        with pytest.raises(CommandError, match="no address that mail can go to"):
            run("set_email", "ada", wrong, "--because", "typed wrong")
    assert run("set_email", "ada", "--because", "left the rota") == "Nobody writes to them.\n"
    assert User.objects.get().email == ""
    assert Entry.objects.filter(verb="user:email_changed").count() == 2
    with pytest.raises(CommandError, match="there is no person bob"):
        run("set_email", "bob", "bob@example.org", "--because", "x")
    with pytest.raises(CommandError, match="no address"):
        run("create_user", "bob", "--role", "approver", "--email", "bob")
    assert not User.objects.filter(username="bob").exists()


def test_a_person_is_created_once(db: None) -> None:
    run("create_user", "ada", "--role", "reporter")
    with pytest.raises(CommandError, match="already exists"):
        run("create_user", "ada", "--role", "operator")


def test_a_password_comes_from_standard_input_and_is_nowhere_shown(
    db: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Correct-Horse-Battery\n"))
    told = run("create_user", "ada", "--role", "operator", "--password")
    assert User.objects.get().check_password("Correct-Horse-Battery")
    assert User.objects.get().is_staff
    assert "Correct-Horse" not in told + "".join(capfd.readouterr())


@pytest.mark.parametrize("password", ["", "short", "password1234"])
def test_a_weak_password_is_refused(db: None, monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
    with pytest.raises(CommandError, match="password"):
        run("create_user", "ada", "--role", "operator", "--password")
    assert not User.objects.exists()


def test_a_token_is_printed_once_and_works(reporter: User) -> None:
    text = run("create_token", "reporter", "--name", "laptop", "--days", "3").strip()
    token = queries.usable_token(text)
    assert token is not None
    assert (token.name, (token.expires_at - token.created_at).days) == ("laptop", 3)
    assert set(token.scopes) == {"reports:read", "reports:write", "incidents:read", "runs:read", "stacks:read"}


def test_a_token_takes_the_scopes_that_are_asked_for(reporter: User) -> None:
    run("create_token", "reporter", "--scope", "reports:write", "--scope", "stacks:read")
    assert sorted(ApiToken.objects.get().scopes) == ["reports:write", "stacks:read"]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["nobody"], "no person nobody"),
        (["reporter", "--scope", "runs:write"], "do not allow runs:write"),
        (["reporter", "--scope", "everything"], "invalid choice"),
        (["reporter", "--days", "0"], "ends in the future"),
        (["reporter", "--days", "-5"], "ends in the future"),
        (["reporter", "--days", "401"], "within 400 days"),
        (["reporter", "--days", "99999999999"], "too many"),
        (["reporter", "--days", "999999999"], "too many"),
        (["reporter", "--days", "soon"], "invalid int"),
        (["reporter", "--name", "x" * 101], "at most 100"),
    ],
)
def test_a_token_that_cannot_be_is_refused_in_plain_words(reporter: User, argv: list[str], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        run("create_token", *argv)
    assert not ApiToken.objects.exists()


def test_a_person_without_a_role_gets_no_token(db: None) -> None:
    User.objects.create_user(username="nobody")
    with pytest.raises(CommandError, match="at least one scope"):
        run("create_token", "nobody")


def test_a_token_is_revoked_by_its_prefix(reporter: User) -> None:
    client = client_of(reporter)
    prefix = ApiToken.objects.get().prefix
    told = run("revoke_token", prefix, "--because", "lost laptop")
    assert told == f"Revoked token {prefix} of reporter.\n"
    assert client.get("/api/v1/runs/").status_code == 401
    with pytest.raises(CommandError, match="revoked before"):
        run("revoke_token", prefix, "--because", "again")


def test_revoking_names_the_prefix_and_never_repeats_a_token(reporter: User) -> None:
    text = run("create_token", "reporter").strip()
    with pytest.raises(CommandError) as refused:
        run("revoke_token", text, "--because", "x")
    assert text not in str(refused.value)
    with pytest.raises(CommandError, match="--because"):
        run("revoke_token", "00000000")


def test_roles_are_given_and_taken(reporter: User) -> None:
    told = run("set_roles", "reporter", "--role", "auditor", "--role", "approver", "--because", "promoted")
    assert told == "reporter is now approver, auditor.\n"
    assert run("set_roles", "reporter", "--because", "left") == "reporter is now without a role.\n"
    reporter.refresh_from_db()
    assert reporter.roles == []
    with pytest.raises(CommandError, match="no person nobody"):
        run("set_roles", "nobody", "--because", "x")


def test_the_people_of_the_demonstration_have_tokens_and_a_desk(db: None) -> None:
    first, second = json.loads(run("demo_access")), json.loads(run("demo_access"))
    assert set(first["tokens"]) == {"demo-reporter", "demo-operator"}
    assert first["tokens"] != second["tokens"]
    assert User.objects.count() == 2
    operator = User.objects.get(username="demo-operator")
    assert operator.check_password(second["desk"]["password"])
    assert operator.is_staff
    assert queries.usable_token(first["tokens"]["demo-reporter"])


def test_there_is_no_demonstration_in_production(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "AWE_ENV", "production")
    with pytest.raises(CommandError, match="create_user"):
        run("demo_access")
    assert not User.objects.exists()
