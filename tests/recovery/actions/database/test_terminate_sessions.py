"""A session that holds a lock is ended on a real stack, and who waited goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.recovery import operations
from awe_incidents.recovery.actions.base import Acting, Doing, Probed
from awe_incidents.recovery.actions.registry import action
from awe_incidents.recovery.errors import ActionNotApplicable, LeaseLost, TargetUnreachable
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.recovery.operations.planning import planned, site_of
from deploy.awe.process import ProcessStack
from diagnostics.models import Stack
from tests.recovery.conftest import actor, end_of

pytestmark = pytest.mark.django_db(transaction=True)
SLUG = "database.terminate_sessions"
DOCUMENT = {"database": "application"}


@contextmanager
def blocked(awe_stack: ProcessStack) -> Iterator[tuple[psycopg.Connection, threading.Event]]:
    """Hold a lock in an open transaction, and let somebody wait for it; the event says that who waited was served."""
    served = threading.Event()
    url = awe_stack.direct_url()

    def wait() -> None:
        with psycopg.connect(url, application_name="report-exporter", autocommit=True) as waiting:
            waiting.execute("SELECT count(*) FROM jobs")
            served.set()

    with psycopg.connect(url, application_name="nightly-maintenance") as holder:
        holder.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
        waiter = threading.Thread(target=wait)
        waiter.start()
        with psycopg.connect(url, autocommit=True) as looking:
            for _ in range(500):
                row = looking.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
                ).fetchone()
                if row and row[0]:
                    break
                threading.Event().wait(0.02)
        try:
            yield holder, served
        finally:
            holder.close()
            waiter.join()


def ask(stack: Stack, operator: User, document: Mapping[str, object] = DOCUMENT) -> RecoveryRequest:
    return operations.request_action(
        stack=stack,
        slug=SLUG,
        document=document,
        user=operator,
        by=actor(operator),
        at=timezone.now(),
        because="nobody can queue jobs",
    )


def test_the_blocker_is_ended_and_who_waited_goes_on(
    stack: Stack, operator: User, awe_stack: ProcessStack, signed_trail: None, rings: object
) -> None:
    with blocked(awe_stack) as (holder, served):
        request = ask(stack, operator)
        pid = holder.info.backend_pid
        assert [step["key"] for step in request.terms.plan["steps"]] == [f"end-{pid}"]
        assert "nightly-maintenance" in request.terms.plan["destroys"][0]
        assert not served.is_set()
        operations.execute(execution_id=request.execution.pk)
        assert served.wait(10)
        with pytest.raises(psycopg.OperationalError):
            holder.execute("SELECT 1")
    assert end_of(request.execution) == ("succeeded", "whole", "done")
    assert request.execution.outcome == "1 of 1 sessions are gone; nobody waits for a lock"
    assert [chunk.text for chunk in request.execution.output.all()] == [f"session {pid} was told to end"]


def test_a_blocker_that_went_by_itself_invalidates(
    stack: Stack, operator: User, awe_stack: ProcessStack, signed_trail: None, rings: object
) -> None:
    with blocked(awe_stack) as (holder, served):
        request = ask(stack, operator)
        holder.rollback()
        assert served.wait(10)
    operations.execute(execution_id=request.execution.pk)
    assert end_of(request.execution) == ("invalidated", "none", "invalidated")
    assert "nobody waits for a lock" in request.execution.outcome


def test_nobody_to_end_is_said_before_anything_is_asked(stack: Stack, operator: User) -> None:
    with pytest.raises(ActionNotApplicable, match="nobody waits"):
        operations.plan_action(stack=stack, slug=SLUG, document=DOCUMENT, user=operator)
    with pytest.raises(ActionNotApplicable, match="no sessions 1 "):
        operations.plan_action(stack=stack, slug=SLUG, document={**DOCUMENT, "pids": [1]}, user=operator)


def test_a_probe_sees_who_is_still_there(stack: Stack, operator: User, awe_stack: ProcessStack) -> None:
    with blocked(awe_stack) as (holder, served), site_of(stack) as site:
        plan = planned(site, slug=SLUG, document=DOCUMENT)
        acting: Acting[Any] = plan.acting
        assert action(SLUG).probe(acting) == Probed.CANNOT_TELL  # its end may be on its way
        holder.close()
        assert served.wait(10)
        assert action(SLUG).probe(acting) == Probed.FINISHED_WELL


def test_a_worker_past_its_lease_ends_nobody(stack: Stack, operator: User, awe_stack: ProcessStack) -> None:
    def lost() -> None:
        raise LeaseLost("its time is up")

    with blocked(awe_stack) as (holder, _), site_of(stack) as site:
        (step,) = action(SLUG).steps(planned(site, slug=SLUG, document=DOCUMENT).acting)
        with pytest.raises(LeaseLost):
            step.run(Doing(token="awe-recovery-1-1", say=print, check=lost))
        holder.execute("SELECT 1")  # it is still there


def test_sessions_of_other_roles_are_refused_before_the_first_step(
    stack: Stack, operator: User, awe_stack: ProcessStack, signed_trail: None, rings: object
) -> None:
    with awe_stack.superuser() as other:
        document = {**DOCUMENT, "pids": [other.info.backend_pid]}
        request = ask(stack, operator, document)
        operations.execute(execution_id=request.execution.pk)
        other.execute("SELECT 1")  # it is still there
    assert end_of(request.execution) == ("failed", "none", "done")
    assert "may not end 1 of these sessions" in request.execution.outcome


def test_a_database_that_does_not_answer_is_said(
    stack: Stack, operator: User, awe_stack: ProcessStack, rings: object
) -> None:
    document = {**stack.document, "databases": {**stack.document["databases"]}}
    document["databases"]["application"] = {**document["databases"]["application"], "port": 1}
    stack.document, stack.digest = document, "0" * 64
    with pytest.raises(TargetUnreachable):
        operations.plan_action(stack=stack, slug=SLUG, document=DOCUMENT, user=operator)
