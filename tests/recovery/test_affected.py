"""Who is affected is known by login name and mail address, however they are written, in code and at the database."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.recovery import operations, policies
from awe_incidents.recovery.errors import AffectedUser
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.recovery.queries import reviewers_of
from awe_incidents.recovery.states import ReviewVerdict
from awe_incidents.triage.recovery_waiting import _approvals
from tests.recovery.conftest import World, actor
from tests.recovery.test_guards import decide, run
from tests.recovery.test_guards_in_order import REVIEWED

pytestmark = pytest.mark.django_db(transaction=True)
# Of a person zo\u00eb, zoe@example.com: case, mail address, blanks, letters of full width, a letter in two characters.
WRITTEN = [
    "ZO\u00cb",
    "zoe@example.com",
    " Zoe@Example.com",
    " zo\u00eb",
    "\u3000zo\u00eb\u00a0",
    "\uff5a\uff4f\u00eb",
    "\uff5aoe\uff20example.com",
    "zoe\u0308",
    "ZOE\u0308 ",
]
OTHERS = ["", " ", "zoe", "zo\u00eb2", "zoe@example.org", "zoe@example.com.org", "z o\u00eb"]


@pytest.fixture
def zoe(world: World) -> User:
    """The approver, by a name that can be written in several ways."""
    world.approver.username, world.approver.email = "zo\u00eb", "zoe@example.com"
    world.approver.save()
    return world.approver


def about(world: World, name: str, **more: Any) -> RecoveryRequest:
    """Ask for what is done to an account of the stack."""
    return operations.request_action(
        stack=world.stack,
        slug="test.write",
        document={"file": "target", "user": name},
        user=world.operator,
        by=actor(world.operator),
        at=timezone.now(),
        because="reset it",
        **more,
    )


@pytest.mark.parametrize("name", WRITTEN)
def test_nobody_decides_on_the_own_account_however_it_is_written(world: World, zoe: User, name: str) -> None:
    request = about(world, name)
    for decide_on in (world.approve, world.deny):
        with pytest.raises(AffectedUser):
            decide_on(request)
    with pytest.raises(IntegrityError, match="nobody decides on what is done to the own account"):
        decide(world, request, zoe)
    mine, others = _approvals(zoe)
    assert (mine, [one.request.pk for one in others]) == ([], [request.pk])
    assert "your own account" in others[0].why_not


@pytest.mark.parametrize("name", WRITTEN)
def test_nobody_reviews_what_was_done_to_the_own_account_however_it_is_written(
    world: World, zoe: User, responder: User, other_approver: User, name: str
) -> None:
    request = about(world, name, incident=world.incident())
    operations.break_glass(request=request, user=responder, by=actor(responder), at=timezone.now(), because="x")
    assert list(reviewers_of(request.review)) == [other_approver]
    with pytest.raises(AffectedUser):
        operations.review_break_glass(
            request=request,
            verdict=ReviewVerdict.IN_ORDER,
            user=zoe,
            by=actor(zoe),
            at=timezone.now(),
            findings="x",
        )
    with pytest.raises(IntegrityError, match="nobody reviews what was done to the own account"):
        run(REVIEWED, zoe.pk)


@pytest.mark.parametrize("name", [name for name in OTHERS if name])
def test_who_is_called_otherwise_decides_and_reviews(world: World, zoe: User, responder: User, name: str) -> None:
    request = about(world, name, incident=world.incident())
    assert [one.request.pk for one in _approvals(zoe)[0]] == [request.pk]
    assert world.approve(request).state == "approved"
    second = about(world, name, incident=world.incident())
    operations.break_glass(request=second, user=responder, by=actor(responder), at=timezone.now(), because="x")
    assert list(reviewers_of(second.review)) == [zoe]
    run(REVIEWED, zoe.pk)


def test_who_has_no_mail_address_is_not_taken_for_an_account_without_a_name(world: World, zoe: User) -> None:
    zoe.email = ""
    zoe.save()
    assert not policies.is_affected(zoe, " ")
    assert world.approve(about(world, " ")).state == "approved"


@pytest.mark.parametrize("name", [*WRITTEN, *OTHERS])
def test_code_and_database_know_the_same_people(world: World, zoe: User, name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT recovery_is_affected(%s, %s, %s)", [name, zoe.username, zoe.email])
        assert cursor.fetchone() == (policies.is_affected(zoe, name),)
