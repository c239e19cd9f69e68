"""A user of a real stack gets a new password, which is shown once, and stands nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bcrypt
import pytest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.recovery import operations
from awe_incidents.recovery.actions.base import Acting, ActionFailed, Doing, Probed
from awe_incidents.recovery.actions.registry import action
from awe_incidents.recovery.errors import ActionNotApplicable, AffectedUser
from awe_incidents.recovery.models import OneTimeSecret, RecoveryRequest
from awe_incidents.recovery.operations.planning import planned, site_of
from deploy.awe.process import ProcessStack
from deploy.awe.process.errors import ApiUnreachable
from diagnostics.models import Stack
from diagnostics.operations import apply_stack
from diagnostics.stack import read_stack
from tests.conftest import SETUP, _person
from tests.recovery.conftest import actor, end_of
from tests.recovery.traces import found_in

pytestmark = pytest.mark.django_db(transaction=True)
SLUG = "user.password_reset"
NAME, OLD = "agent", "agent-pass"


@pytest.fixture
def stack(transactional_db: None, awe_stack: ProcessStack) -> Stack:
    config = read_stack(awe_stack.root / "stack.toml")
    return apply_stack(config=config, by=SETUP, at=timezone.now()).stack


@pytest.fixture(autouse=True)
def _as_before(awe_stack: ProcessStack) -> Iterator[None]:
    """Give the account its password back."""
    yield
    with awe_stack.superuser() as connection:
        hashed = bcrypt.hashpw(OLD.encode(), bcrypt.gensalt(6)).decode()
        connection.execute(
            "UPDATE users SET password_hash = %s, failed_attempts = 0, locked_until = NULL WHERE username = %s",
            [hashed, NAME],
        )


def ask(stack: Stack, operator: User, username: str = NAME) -> RecoveryRequest:
    return operations.request_action(
        stack=stack,
        slug=SLUG,
        document={"username": username},
        user=operator,
        by=actor(operator),
        at=timezone.now(),
        because="the user is locked out",
    )


def approve(request: RecoveryRequest, user: User) -> RecoveryRequest:
    digest, at = request.terms.digest, timezone.now()
    return operations.approve_request(
        request=request, digest=digest, user=user, by=actor(user), at=at, because="I asked the user"
    )


def lets_in(awe_stack: ProcessStack, password: str) -> bool:
    try:
        return bool(awe_stack.client().token(username=NAME, password=password))
    except ApiUnreachable:
        return False


def test_a_locked_user_gets_a_password_that_only_the_requester_sees(
    stack: Stack,
    operator: User,
    approver: User,
    awe_stack: ProcessStack,
    signed_trail: None,
    rings: object,
    tmp_path: Path,
) -> None:
    with awe_stack.superuser() as connection:
        until = datetime.now(UTC) + timedelta(minutes=10)
        connection.execute("UPDATE users SET failed_attempts = 5, locked_until = %s WHERE username = %s", [until, NAME])
    assert not lets_in(awe_stack, OLD)
    request = approve(ask(stack, operator), approver)
    assert request.terms.plan["destroys"] == [f"the present password of {NAME}"]
    operations.execute(execution_id=request.execution.pk)
    assert end_of(request.execution) == ("succeeded", "whole", "done"), request.execution.outcome
    assert request.execution.outcome == f"{NAME} logged in with the new password"
    password = operations.show_secret(request=request, user=operator, by=actor(operator), at=timezone.now())
    assert len(password) == 24
    assert lets_in(awe_stack, password)
    assert not lets_in(awe_stack, OLD)
    assert found_in(password, awe_stack.root, folder=tmp_path) == []


def test_it_is_reset_at_most_once(stack: Stack, operator: User, awe_stack: ProcessStack) -> None:
    sealed: list[str] = []
    with site_of(stack) as site:
        plan = planned(site, slug=SLUG, document={"username": NAME})
        (step,) = plan.action.steps(plan.acting)
        doing = Doing(token="awe-recovery-1-1", say=print, check=lambda: None, seal=sealed.append)
        assert plan.action.probe(plan.acting) == Probed.CANNOT_TELL
        step.run(doing)
        assert plan.action.probe(plan.acting) == Probed.FINISHED_WELL
        with pytest.raises(ActionFailed, match="nothing was changed"):
            step.run(doing)
        assert lets_in(awe_stack, sealed[0])
        assert not lets_in(awe_stack, sealed[1])
        assert plan.action.probe(plan.acting) == Probed.FINISHED_WELL


def test_what_the_user_changed_meanwhile_is_not_taken_for_this(
    stack: Stack, operator: User, approver: User, awe_stack: ProcessStack, signed_trail: None, rings: object
) -> None:
    request = approve(ask(stack, operator), approver)
    with awe_stack.superuser() as connection:
        hashed = bcrypt.hashpw(b"chosen by the user", bcrypt.gensalt(4)).decode()
        connection.execute("UPDATE users SET password_hash = %s WHERE username = %s", [hashed, NAME])
    with site_of(stack) as site:
        one = action(SLUG)
        acting = Acting(site, one.parameters(username=NAME), request.terms.facts)
        assert one.probe(acting) == Probed.CANNOT_TELL
    operations.execute(execution_id=request.execution.pk)
    assert end_of(request.execution) == ("invalidated", "none", "invalidated")
    assert not OneTimeSecret.objects.exists()
    assert lets_in(awe_stack, "chosen by the user")


def test_the_user_does_not_approve_it(stack: Stack, operator: User) -> None:
    with pytest.raises(AffectedUser):
        approve(ask(stack, operator), _person(NAME, Role.APPROVER))


def test_who_is_not_there_and_what_is_no_bcrypt_are_said(stack: Stack, operator: User, awe_stack: ProcessStack) -> None:
    with pytest.raises(ActionNotApplicable, match="no account nobody"):
        ask(stack, operator, username="nobody")
    with awe_stack.superuser() as connection:
        connection.execute("UPDATE users SET password_hash = 'pbkdf2$1' WHERE username = %s", [NAME])
    with pytest.raises(ActionNotApplicable, match="bcrypt"):
        ask(stack, operator)


def test_a_stack_without_the_descriptions_is_said(stack: Stack, operator: User, awe_stack: ProcessStack) -> None:
    one, config = action(SLUG), read_stack(awe_stack.root / "stack.toml")
    parameters = one.parameters(username=NAME)
    assert one.not_applicable(config, parameters) is None
    assert "[accounts]" in (one.not_applicable(replace(config, accounts=None), parameters) or "")
    assert "[login]" in (one.not_applicable(replace(config, login=None), parameters) or "")
