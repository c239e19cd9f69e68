"""The password asked for again: right or wrong it is recorded, and wrong ones are capped by person and address."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from awe_incidents.accounts.errors import TooManyTries, WrongPassword
from awe_incidents.accounts.models import User
from awe_incidents.accounts.operations import create_user, reauthenticate
from awe_incidents.accounts.roles import Role
from awe_incidents.actor import Actor
from awe_incidents.audit.models import Entry
from tests.conftest import SETUP

PASSWORD = "correct horse battery"
addresses = (f"203.0.113.{number}" for number in itertools.cycle(range(1, 255)))


@pytest.fixture(autouse=True)
def _limit(settings: Any) -> None:
    settings.AWE_LIMITS = {**settings.AWE_LIMITS, "reauthentication": (2, 3600)}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast ones will do here


@pytest.fixture
def person(db: None) -> User:
    return create_user(username="ada", roles=[Role.APPROVER], password=PASSWORD, by=SETUP, at=timezone.now())


@pytest.fixture
def by(person: User) -> Actor:
    return Actor(kind="user", name=person.username, user_id=person.pk, address=next(addresses))


def give(person: User, by: Actor, password: str) -> None:
    reauthenticate(user=person, password=password, by=by, at=timezone.now(), purpose="approve 7")


def told(verb: str) -> int:
    return Entry.objects.filter(verb=verb).count()


def test_the_right_password_passes_and_is_recorded(person: User, by: Actor) -> None:
    give(person, by, PASSWORD)
    entry = Entry.objects.get(verb="user:reauthenticated")
    assert entry.subject_id == str(person.pk)
    assert b'"purpose":"approve 7"' in bytes(entry.body)
    assert PASSWORD.encode() not in bytes(entry.body)


def test_a_wrong_password_is_refused_and_recorded(person: User, by: Actor) -> None:
    with pytest.raises(WrongPassword):
        give(person, by, "wrong")
    assert (told("user:reauthentication_refused"), told("user:reauthenticated")) == (1, 0)


def test_after_wrong_passwords_the_right_one_is_not_looked_at_either(person: User, by: Actor) -> None:
    for _ in range(2):
        with pytest.raises(WrongPassword):
            give(person, by, "wrong")
    with pytest.raises(TooManyTries, match=r"again in [0-9]+ seconds"):
        give(person, by, PASSWORD)
    assert told("user:reauthenticated") == 0
    give(person, replace(by, address=next(addresses)), PASSWORD)  # nobody is locked out from elsewhere


def test_the_right_password_gives_the_tries_back(person: User, by: Actor) -> None:
    for _ in range(3):
        with pytest.raises(WrongPassword):
            give(person, by, "wrong")
        give(person, by, PASSWORD)


def test_who_has_no_password_cannot_give_it(person: User, by: Actor) -> None:
    person.set_unusable_password()
    with pytest.raises(WrongPassword):
        give(person, by, "")
