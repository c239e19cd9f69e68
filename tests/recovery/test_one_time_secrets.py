"""What an action makes for its requester's eyes: sealed, shown once and to nobody else, and gone afterwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Entry
from awe_incidents.recovery import operations
from awe_incidents.recovery.errors import NotRequester, RoleRequired, SecretGone, TransitionNotAllowed
from awe_incidents.recovery.models import OneTimeSecret, RecoveryRequest
from diagnostics.errors import SecretUnreadable
from tests.api.conftest import problem_of
from tests.conftest import client_of
from tests.recovery.acting import MADE
from tests.recovery.conftest import World, actor, end_of

pytestmark = pytest.mark.django_db(transaction=True)


def done(world: World, **parameters: str) -> RecoveryRequest:
    """Give a request whose execution has made a secret and ended."""
    execution = world.queued(slug="test.seal", **parameters)
    operations.execute(execution_id=execution.pk)
    execution.refresh_from_db()
    return RecoveryRequest.objects.get(pk=execution.request_id)


def show(request: RecoveryRequest, user: User) -> str:
    return operations.show_secret(request=request, user=user, by=actor(user), at=timezone.now())


def run(statement: str, *values: int) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_a_secret_is_shown_once_and_gone(world: World, signed_trail: None) -> None:
    request = done(world)
    assert end_of(request.execution) == ("succeeded", "whole", "done")
    kept = OneTimeSecret.objects.get()
    assert MADE.encode() not in bytes(kept.ciphertext or b"")
    assert show(request, world.operator) == MADE
    kept.refresh_from_db()
    assert (kept.state, kept.ciphertext, kept.shown_to) == ("shown", None, world.operator)
    with pytest.raises(SecretGone, match="shown before"):
        show(request, world.operator)
    verbs = list(Entry.objects.filter(verb__contains="secret").order_by("pk").values_list("verb", flat=True))
    assert verbs == ["execution:secret_sealed", "execution:secret_shown"]


def test_of_many_at_once_one_is_shown_it(world: World, signed_trail: None) -> None:
    request = done(world)

    def fetch(_: int) -> str:
        try:
            return show(request, world.operator)
        except SecretGone:
            return ""
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(fetch, range(16)))[-2:] == ["", MADE]


def test_nobody_but_the_requester_is_shown_it(
    world: World, signed_trail: None, other_operator: User, auditor: User
) -> None:
    request = done(world)
    for user, refusal in ((other_operator, NotRequester), (world.approver, RoleRequired), (auditor, RoleRequired)):
        with pytest.raises(refusal):
            show(request, user)
    assert show(request, world.operator) == MADE


def test_nothing_is_shown_before_the_end_nor_where_nothing_came_of_it(world: World, signed_trail: None) -> None:
    with pytest.raises(TransitionNotAllowed):
        show(world.ask(), world.operator)
    with pytest.raises(TransitionNotAllowed):
        show(done(world, mood="breaks"), world.operator)  # its outcome is unknown


def test_without_a_signer_no_secret_is_made(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations.executing, "SIGNATURE_SECONDS", 0.1)
    operations.execute(execution_id=world.queued(slug="test.seal").pk)
    assert not OneTimeSecret.objects.exists()


def test_what_nobody_fetches_is_forgotten(world: World, signed_trail: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations.one_time_secrets, "TIME_TO_FETCH", -operations.one_time_secrets.TIME_TO_FETCH)
    request = done(world)
    with pytest.raises(SecretGone, match="not fetched in time"):
        show(request, world.operator)
    for _ in range(2):
        operations.sweep_recovery(at=timezone.now())
    kept = OneTimeSecret.objects.get()
    assert (kept.state, kept.ciphertext, kept.shown_to) == ("expired", None, None)
    assert Entry.objects.filter(verb="execution:secret_expired").count() == 1


def test_a_key_that_was_taken_away_is_said(world: World, signed_trail: None, settings: object) -> None:
    request = done(world)
    settings.AWE_ENCRYPTION_KEYS = ["another-key-that-sealed-nothing"]  # type: ignore[attr-defined]
    with pytest.raises(SecretUnreadable):
        show(request, world.operator)
    assert OneTimeSecret.objects.get().state == "sealed"


@pytest.mark.parametrize(
    "change",
    [
        "ciphertext = NULL",
        "ciphertext = 'other'",
        "state = 'shown', ciphertext = NULL",
        "state = 'shown', ciphertext = NULL, shown_to_id = (SELECT id FROM accounts_user WHERE username = 'approver')",
        "state = 'expired', ciphertext = NULL, shown_to_id = (SELECT requester_id FROM recovery_recoveryrequest)",
        "expires_at = now() + interval '1 year'",
    ],
)
def test_the_database_refuses_to_show_it_to_others_or_later(world: World, signed_trail: None, change: str) -> None:
    done(world)
    with pytest.raises(Exception, match=r"onetimesecret|secret"):
        run(f"UPDATE recovery_onetimesecret SET {change}")  # noqa: S608  our own words
    assert OneTimeSecret.objects.get().state == "sealed"


def test_the_database_takes_no_secret_of_what_nobody_holds(world: World) -> None:
    execution = world.queued()
    with pytest.raises(IntegrityError, match="nobody holds"):
        run(
            "INSERT INTO recovery_onetimesecret (execution_id, state, ciphertext, expires_at)"
            " VALUES (%s, 'sealed', 'x', now() + interval '1 hour')",
            execution.pk,
        )


def test_over_http_it_comes_once_uncached_and_under_no_key(
    world: World, signed_trail: None, other_operator: User
) -> None:
    request = done(world)
    address = f"/api/v1/recovery-requests/{request.pk}/secret/"
    problem_of(client_of(other_operator).post(address), 403, "not-requester")
    client = client_of(world.operator)
    assert client.get(f"/api/v1/recovery-requests/{request.pk}/").json()["execution"]["secret"]["state"] == "sealed"
    answer = client.post(address, headers={"Idempotency-Key": "the-same"})
    assert (answer.status_code, answer.json()) == (200, {"secret": MADE})
    assert answer.headers["Cache-Control"] == "no-store"
    problem_of(client.post(address, headers={"Idempotency-Key": "the-same"}), 410, "secret-gone")
    assert client.get(f"/api/v1/recovery-requests/{request.pk}/").json()["execution"]["secret"]["state"] == "shown"
