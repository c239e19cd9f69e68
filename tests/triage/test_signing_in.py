"""Signing in at the desk: wrong passwords are capped for one account at one address, and for nobody else."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.contrib.auth import authenticate
from django.db import connections
from django.test import Client
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.operations import create_user
from awe_incidents.accounts.roles import Role
from tests.conftest import SETUP

LOGIN = "/admin/login/"
PASSWORD = "correct horse battery"
addresses = (f"198.51.100.{number}" for number in itertools.cycle(range(1, 255)))


@pytest.fixture(autouse=True)
def _limit(settings: Any) -> None:
    settings.AWE_LIMITS = {**settings.AWE_LIMITS, "sign-in": (3, 3600)}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast ones will do here
    settings.SECRET_KEY = f"of one test {timezone.now().timestamp()}"  # so that names and addresses are new ones


@pytest.fixture
def person(db: None) -> User:
    """Somebody who signs in with a password."""
    return create_user(username="ada", roles=[Role.OPERATOR], password=PASSWORD, by=SETUP, at=timezone.now())


@pytest.fixture
def here() -> str:
    """An address that nobody had before."""
    return next(addresses)


def sign_in(password: str, *, name: str = "ada", address: str) -> Any:
    return Client().post(LOGIN, {"username": name, "password": password}, REMOTE_ADDR=address)


def test_after_wrong_passwords_the_right_one_is_not_looked_at_either(person: User, here: str) -> None:
    assert [sign_in("wrong", address=here).status_code for _ in range(3)] == [200] * 3
    refused = sign_in(PASSWORD, address=here)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 1200
    assert "tried too often from your address" in refused.content.decode()
    assert "_auth_user_id" not in refused.client.session
    assert "Content-Security-Policy" in refused.headers


def test_the_account_stays_open_from_elsewhere_and_the_address_for_other_accounts(person: User, here: str) -> None:
    create_user(username="bob", roles=[Role.OPERATOR], password=PASSWORD, by=SETUP, at=timezone.now())
    for _ in range(5):
        sign_in("wrong", address=here)
    assert sign_in(PASSWORD, address=next(addresses)).status_code == 302
    assert sign_in(PASSWORD, name="bob", address=here).status_code == 302
    assert sign_in(PASSWORD, address=here).status_code == 429


def test_another_spelling_of_the_name_is_the_same_account(person: User, here: str) -> None:
    spellings = ("Ada", "ADA", "\uff21da")
    assert [sign_in("wrong", name=name, address=here).status_code for name in spellings] == [200] * 3
    assert sign_in(PASSWORD, address=here).status_code == 429


def test_another_address_of_an_ipv6_network_is_the_same_caller(person: User) -> None:
    for number in range(3):
        sign_in("wrong", address=f"2001:db8::{number}")
    assert sign_in(PASSWORD, address="2001:db8::ffff").status_code == 429
    assert sign_in(PASSWORD, address="2001:db8:0:1::1").status_code == 302


def test_signing_in_gives_the_tries_back(person: User, here: str) -> None:
    for _ in range(3):
        assert [sign_in("wrong", address=here).status_code for _ in range(2)] == [200, 200]
        assert sign_in(PASSWORD, address=here).status_code == 302


@pytest.mark.parametrize("fields", [{}, {"username": "ada"}, {"password": "x"}])
def test_what_is_no_try_costs_none(person: User, here: str, fields: dict[str, str]) -> None:
    for _ in range(5):
        assert Client().post(LOGIN, fields, REMOTE_ADDR=here).status_code == 200
    assert sign_in(PASSWORD, address=here).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_guesses_at_once_look_at_no_more_passwords_than_are_allowed(
    person: User, here: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def counted(request: Any = None, **credentials: Any) -> Any:
        looked.append(credentials["password"])
        return authenticate(request, **credentials)

    monkeypatch.setattr("django.contrib.auth.forms.authenticate", counted)

    def guess(number: int) -> int:
        try:
            return int(sign_in(f"guess {number}", address=here).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(guess, range(24)))
    assert statuses == [200] * 3 + [429] * 21
    assert len(looked) == 3


def test_neither_redis_nor_the_log_holds_the_name(
    person: User, here: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = "my-password-in-the-wrong-field"
    for _ in range(4):
        sign_in("wrong", name=typed, address=here)
    keys = redis.Redis.from_url(django_settings.AWE_LIMITS_URL).keys("limit:sign-in:*")
    assert keys
    assert not any(typed.encode() in key for key in keys)
    assert "too many tries to sign in" in caplog.text
    assert typed not in caplog.text


def test_the_limit_can_be_off(person: User, here: str, settings: Any) -> None:
    settings.AWE_LIMITS = {**settings.AWE_LIMITS, "sign-in": None}
    assert {sign_in("wrong", address=here).status_code for _ in range(6)} == {200}
