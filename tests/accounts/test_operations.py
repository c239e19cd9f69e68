"""People, roles and tokens: made, changed and ended, each with its audit entry."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from awe_incidents.accounts import queries
from awe_incidents.accounts.errors import AlreadyRevoked, LifetimeNotAllowed, NameNotAllowed, ScopeNotAllowed
from awe_incidents.accounts.models import ApiToken, User
from awe_incidents.accounts.operations import MAX_LIFETIME, create_user, issue_token, revoke_token, set_roles
from awe_incidents.accounts.roles import SCOPES_OF, Role, Scope, scopes_of, sees_everything
from awe_incidents.accounts.secrets import NewToken, digest_of, has_token_form, new_token
from awe_incidents.audit.models import Entry
from tests.conftest import SETUP


def issue(user: User, *, at: datetime | None = None, days: float = 1, scopes: set[Scope] | None = None) -> NewToken:
    now = at or timezone.now()
    wanted = scopes_of(user.roles) if scopes is None else scopes
    return issue_token(user=user, name="x", scopes=wanted, expires_at=now + timedelta(days=days), by=SETUP, at=now)


def test_a_person_is_made_with_roles_and_an_entry(db: None) -> None:
    user = create_user(
        username="ada", roles=[Role.OPERATOR, Role.REPORTER, Role.OPERATOR], password=None, by=SETUP, at=timezone.now()
    )
    assert user.roles == ["operator", "reporter"]
    assert not user.has_usable_password()
    assert not user.is_staff
    assert Entry.objects.get(verb="user:created").subject_id == str(user.pk)


def test_a_person_with_a_password_may_use_the_desk(db: None) -> None:
    user = create_user(username="ada", roles=[], password="correct horse", by=SETUP, at=timezone.now())
    assert user.is_staff
    assert user.check_password("correct horse")
    assert not user.is_superuser


@pytest.mark.parametrize("name", ["", " ", "a b", "x" * 151, "semi;colon", "new\nline", "a/b"])
def test_a_name_that_breaks_its_rules_is_refused(db: None, name: str) -> None:
    with pytest.raises(NameNotAllowed):
        create_user(username=name, roles=[], password=None, by=SETUP, at=timezone.now())
    assert not User.objects.exists()
    assert not Entry.objects.exists()


def test_a_name_is_taken_once(reporter: User) -> None:
    with pytest.raises(NameNotAllowed, match="already exists"):
        create_user(username=reporter.username, roles=[], password=None, by=SETUP, at=timezone.now())


def test_a_token_is_kept_as_its_digest_only(reporter: User) -> None:
    token = issue(reporter)
    row = ApiToken.objects.get()
    assert bytes(row.digest) == digest_of(token.text)
    assert token.text not in repr(token)
    assert token.text not in str(ApiToken.objects.values())
    assert row.prefix == token.prefix == token.text.split("_")[1]
    entry = Entry.objects.get(verb="token:issued")
    assert token.text.encode() not in bytes(entry.body)
    assert token.prefix.encode() in bytes(entry.body)


@pytest.mark.parametrize("role", Role)
def test_a_token_never_exceeds_the_roles_of_its_person(db: None, role: Role) -> None:
    user = create_user(username="ada", roles=[role], password=None, by=SETUP, at=timezone.now())
    for scope in Scope:
        if scope in SCOPES_OF[role]:
            issue(user, scopes={scope})
        else:
            with pytest.raises(ScopeNotAllowed, match=scope):
                issue(user, scopes={scope})


def test_a_token_has_a_scope_and_a_bounded_life(reporter: User) -> None:
    with pytest.raises(ScopeNotAllowed):
        issue(reporter, scopes=set())
    for days in (0, -1, MAX_LIFETIME.days + 1):
        with pytest.raises(LifetimeNotAllowed):
            issue(reporter, days=days)
    issue(reporter, days=MAX_LIFETIME.days)


@pytest.mark.parametrize("name", ["", "x" * 101])
def test_the_name_of_a_token_has_its_rules(reporter: User, name: str) -> None:
    now = timezone.now()
    with pytest.raises(NameNotAllowed):
        issue_token(
            user=reporter,
            name=name,
            scopes={Scope.REPORTS_READ},
            expires_at=now + timedelta(days=1),
            by=SETUP,
            at=now,
        )


def test_a_usable_token_is_found_by_its_text(reporter: User) -> None:
    token = issue(reporter)
    found = queries.usable_token(token.text)
    assert found is not None
    assert found.user == reporter
    for text in ("", "x", token.text[:-1], token.text + "A", token.text.upper(), new_token().text):
        assert queries.usable_token(text) is None
    past = timezone.now() - timedelta(days=2)
    ApiToken.objects.update(created_at=past, expires_at=past + timedelta(days=1))
    assert queries.usable_token(token.text) is None


def test_scopes_follow_the_roles_that_the_person_has_now(operator: User) -> None:
    issue(operator)
    set_roles(user=operator, roles=[Role.APPROVER], by=SETUP, at=timezone.now(), because="moved")
    token = ApiToken.objects.select_related("user").get()
    assert queries.usable_scopes(token) == SCOPES_OF[Role.OPERATOR] & SCOPES_OF[Role.APPROVER]
    set_roles(user=operator, roles=[], by=SETUP, at=timezone.now(), because="left")
    assert queries.usable_scopes(ApiToken.objects.select_related("user").get()) == frozenset()
    assert Entry.objects.filter(verb="user:roles_changed").count() == 2


def test_a_token_is_revoked_once(reporter: User) -> None:
    text = issue(reporter).text
    token = revoke_token(token=ApiToken.objects.get(), by=SETUP, at=timezone.now(), because="lost")
    assert token.revoked_at is not None
    assert queries.usable_token(text) is None
    with pytest.raises(AlreadyRevoked):
        revoke_token(token=token, by=SETUP, at=timezone.now(), because="again")
    assert Entry.objects.filter(verb="token:revoked").count() == 1


def test_only_reporters_see_own_things_only() -> None:
    assert not sees_everything([])
    assert not sees_everything([Role.REPORTER])
    for role in set(Role) - {Role.REPORTER}:
        assert sees_everything([role])
        assert sees_everything([Role.REPORTER, role])


def test_being_a_superuser_gives_no_role(reporter: User) -> None:
    reporter.is_superuser = True
    assert not reporter.has_role(Role.OPERATOR)
    reporter.is_active = False
    assert not reporter.has_role(Role.REPORTER)


def test_the_form_of_a_token_is_known_before_any_query() -> None:
    assert has_token_form(new_token().text)
    for text in ("", "awe__", "awe_0000000g_" + "A" * 43, "awe_00000000_" + "A" * 42, "awe_00000000_" + "é" * 43):
        assert not has_token_form(text)
    assert len({new_token().text for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "change", [{"roles": ["root"]}, {"roles": ["operator", "x"]}], ids=["unknown", "one of two unknown"]
)
def test_the_database_refuses_unknown_roles(reporter: User, change: dict[str, list[str]]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=reporter.pk).update(**change)


def test_the_database_refuses_odd_tokens(reporter: User) -> None:
    issue(reporter)
    created_at = ApiToken.objects.get().created_at
    changes: list[dict[str, object]] = [{"scopes": []}, {"scopes": ["everything"]}, {"expires_at": created_at}]
    for change in changes:
        with pytest.raises(IntegrityError), transaction.atomic():
            ApiToken.objects.update(**change)
