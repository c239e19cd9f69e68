"""People and tokens: issued once, revoked with a reason, recorded."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone

from awe_incidents.accounts.models import ApiToken, User
from awe_incidents.accounts.operations import issue_token
from awe_incidents.accounts.queries import usable_token
from awe_incidents.accounts.roles import Scope
from awe_incidents.audit import trail
from awe_incidents.audit.errors import TrailUnavailable
from awe_incidents.audit.models import Entry
from awe_incidents.triage.facts import address
from awe_incidents.triage.people import token_state, tokens_with_state
from tests.conftest import SETUP
from tests.triage.world import signed_in

ISSUE = {"name": "laptop", "scopes": ["incidents:read"], "days": "30"}


def issue(administrator: User, operator: User, **more: Any) -> Any:
    return signed_in(administrator).post(address(operator, part="issue-token"), ISSUE | more)


def token_text(answer: Any) -> str:
    return str(answer.context["token"].text)


def test_a_token_is_shown_once_and_works(administrator: User, operator: User) -> None:
    answer = issue(administrator, operator)
    text = token_text(answer)

    assert answer.status_code == 200
    assert text in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert usable_token(text) is not None
    client = signed_in(administrator)
    token = ApiToken.objects.get()
    for path in (address(operator), address(token), "/admin/accounts/apitoken/"):
        page = client.get(path).content.decode()
        assert text not in page
        assert token.prefix in page


def test_asking_for_the_form_issues_nothing(administrator: User, operator: User) -> None:
    signed_in(administrator).get(address(operator, part="issue-token"))
    assert not ApiToken.objects.exists()


def test_issuing_is_recorded_without_the_token(administrator: User, operator: User) -> None:
    text = token_text(issue(administrator, operator))
    entry = Entry.objects.get(verb="token:issued")
    assert entry.actor == f"user:{administrator.pk}"
    assert text.encode() not in bytes(entry.body)


@pytest.mark.parametrize(
    "fields", [{"scopes": ["audit:read"]}, {"scopes": []}, {"days": "0"}, {"days": "401"}, {"name": ""}]
)
def test_a_token_beyond_the_rules_is_refused(administrator: User, operator: User, fields: dict[str, Any]) -> None:
    assert issue(administrator, operator, **fields).status_code == 400
    assert not ApiToken.objects.exists()


def test_a_token_is_revoked_with_a_reason(administrator: User, operator: User) -> None:
    text = token_text(issue(administrator, operator))
    client, token = signed_in(administrator), ApiToken.objects.get()
    assert client.post(address(token, part="revoke"), {"because": ""}).status_code == 400
    assert client.post(address(token, part="revoke"), {"because": "laptop lost"}).status_code == 302
    assert usable_token(text) is None
    assert Entry.objects.filter(verb="token:revoked").count() == 1
    again = client.post(address(token, part="revoke"), {"because": "laptop lost"})
    assert again.status_code == 409
    assert address(token, part="revoke") not in client.get(address(token)).content.decode()


def test_roles_are_changed_with_a_reason(administrator: User, operator: User) -> None:
    fields = {"roles": ["operator", "auditor"], "because": "helps with the audit"}
    assert signed_in(administrator).post(address(operator, part="roles"), fields).status_code == 302
    operator.refresh_from_db()
    assert operator.roles == ["auditor", "operator"]
    assert Entry.objects.filter(verb="user:roles_changed").count() == 1


def test_a_password_hash_is_shown_nowhere(administrator: User, operator: User) -> None:
    operator.set_password("correct horse battery")
    operator.save(update_fields=["password"])
    client = signed_in(administrator)
    for path in (address(operator), "/admin/accounts/user/"):
        assert "pbkdf2" not in client.get(path).content.decode()


def change_password(user: User) -> int:
    user.set_password("correct horse battery")
    user.save(update_fields=["password"])
    new = dict.fromkeys(["new_password1", "new_password2"], "staple 42 staple")
    fields = {"old_password": "correct horse battery", **new}
    return signed_in(user).post("/admin/password_change/", fields).status_code


def test_changing_the_own_password_is_recorded(operator: User) -> None:
    assert change_password(operator) == 302
    entry = Entry.objects.get(verb="user:password_changed")
    assert (entry.subject_id, entry.actor) == (str(operator.pk), f"user:{operator.pk}")
    operator.refresh_from_db()
    assert operator.check_password("staple 42 staple")


def test_without_the_trail_the_password_stays_as_it_was(operator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DatabaseError("the table is gone")

    monkeypatch.setattr(trail, "_insert", refuse)
    with pytest.raises(TrailUnavailable):
        change_password(operator)
    operator.refresh_from_db()
    assert operator.check_password("correct horse battery")


def test_a_token_is_usable_until_it_ends_or_is_revoked(operator: User) -> None:
    issue_token(
        user=operator,
        name="laptop",
        scopes=[Scope.REPORTS_READ],
        expires_at=timezone.now() + timedelta(days=1),
        by=SETUP,
        at=timezone.now(),
    )
    assert token_state(tokens_with_state().get()) == "usable"
    past = timezone.now() - timedelta(days=2)
    ApiToken.objects.update(created_at=past, expires_at=past + timedelta(days=1))
    assert token_state(tokens_with_state().get()) == "expired"
    ApiToken.objects.update(revoked_at=past)
    assert token_state(tokens_with_state().get()) == "revoked"
