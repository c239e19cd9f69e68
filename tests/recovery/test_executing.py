"""From the request to its end: at most one start, and an outcome that is known or honestly unknown."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.db import DataError, connection
from django.utils import timezone

from awe_incidents.accounts.operations import set_roles
from awe_incidents.accounts.roles import Role
from awe_incidents.audit.models import Entry
from awe_incidents.recovery import operations
from awe_incidents.recovery.actions import registry
from awe_incidents.recovery.actions.base import Acting, ActionFailed, Doing, Plan, Step, Verified
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.errors import ActionNotApplicable, NotClaimed, TargetUnreachable
from awe_incidents.recovery.models import Execution, OutputChunk, RecoveryRequest, TargetLock
from awe_incidents.recovery.operations import executing
from awe_incidents.recovery.operations.claiming import claim_execution
from awe_incidents.recovery.states import ExecutionState
from diagnostics.operations import set_stack_secret
from tests.conftest import SETUP
from tests.leaks.canaries import DSN, PASSWORD
from tests.recovery import acting
from tests.recovery.acting import WriteParameters
from tests.recovery.conftest import World, end_of
from tests.recovery.traces import found_in

pytestmark = pytest.mark.django_db(transaction=True)


def execute(execution: Execution) -> str:
    """Do what a worker does on a doorbell; give why it was not for this one."""
    try:
        operations.execute(execution_id=execution.pk)
    except NotClaimed as refusal:
        return str(refusal)
    return ""


def in_thread(work: Any, *arguments: Any) -> threading.Thread:
    def run() -> None:
        try:
            work(*arguments)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def verbs() -> list[str]:
    return list(
        Entry.objects.exclude(verb__in=["user:created", "stack:created"]).order_by("id").values_list("verb", flat=True)
    )


def test_an_approved_request_is_carried_out_once_and_verified(world: World, signed_trail: None) -> None:
    execution = world.queued(lines=2)
    assert execute(execution) == ""
    assert end_of(execution) == ("succeeded", "whole", "done")
    assert world.lines() == [f"awe-recovery-{execution.pk}-1", f"awe-recovery-{execution.pk}-2"]
    assert execution.verification == {"before": {"content": ""}, "after": {"lines": 2}}
    assert [chunk.text for chunk in execution.output.order_by("number")] == ["wrote line 1", "wrote line 2"]
    assert [step.state for step in execution.steps.order_by("number")] == ["done", "done"]
    assert not TargetLock.objects.filter(released_at=None).exists()
    assert [verb for verb in verbs() if verb.startswith(("recovery_request", "execution"))] == [
        "recovery_request:requested",
        "recovery_request:approved",
        "execution:claimed",
        "execution:intended",
        "execution:started",
        "execution:step_done",
        "execution:step_done",
        "execution:steps_done",
        "execution:finished",
    ]
    assert "was taken by another" in execute(execution)


@pytest.mark.recovery_fault("message doubled", counted="lines that the target got; claims in the trail")
def test_fifty_messages_at_once_start_it_once(world: World, signed_trail: None) -> None:
    execution = world.queued()
    threads = [in_thread(execute, execution) for _ in range(50)]
    for thread in threads:
        thread.join()
    assert end_of(execution) == ("succeeded", "whole", "done")
    assert len(world.lines()) == 1
    assert Entry.objects.filter(verb="execution:claimed").count() == 1


@pytest.mark.recovery_fault("signer down", counted="lines that the target got; locks that are left")
def test_without_a_signed_intent_nothing_is_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executing, "SIGNATURE_SECONDS", 0.2)
    execution = world.queued()
    execute(execution)
    assert end_of(execution) == ("queued", "none", "approved")
    assert world.lines() == []
    assert not TargetLock.objects.filter(released_at=None).exists()
    assert verbs()[-1] == "execution:released"


@pytest.mark.recovery_fault("plan changed", counted="lines that the target got")
def test_a_target_that_changed_since_invalidates(world: World, signed_trail: None) -> None:
    execution = world.queued()
    (world.root / "target").write_text("somebody else was here\n")
    execute(execution)
    assert end_of(execution) == ("invalidated", "none", "invalidated")
    assert "the target changed" in execution.outcome
    assert world.lines() == ["somebody else was here"]


@pytest.mark.recovery_fault("plan changed", counted="lines that the target got")
def test_a_plan_that_would_be_another_now_invalidates(
    world: World, signed_trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = world.queued()
    monkeypatch.setattr(acting.Write, "plan", lambda *_: Plan(destroys=("everything",), way_back="none"))
    execute(execution)
    assert end_of(execution) == ("invalidated", "none", "invalidated")
    assert "the plan changed after it was approved" in execution.outcome
    assert world.lines() == []


@pytest.mark.recovery_fault("approver lost", counted="lines that the target got")
def test_an_approver_who_lost_the_role_invalidates(world: World, signed_trail: None) -> None:
    execution = world.queued()
    set_roles(user=world.approver, roles=[Role.AUDITOR], by=SETUP, at=timezone.now(), because="left")
    assert "approver is no approver any more" in execute(execution)
    assert end_of(execution) == ("invalidated", "none", "invalidated")
    assert world.lines() == []


def test_a_requester_who_is_not_active_any_more_invalidates(world: World, signed_trail: None) -> None:
    execution = world.queued()
    type(world.operator).objects.filter(pk=world.operator.pk).update(is_active=False)
    execute(execution)
    assert end_of(execution) == ("invalidated", "none", "invalidated")


@pytest.mark.parametrize(("mood", "ends"), [("well", "succeeded"), ("refuses", "failed")])
def test_a_step_may_name_as_much_as_it_will(
    world: World, signed_trail: None, monkeypatch: pytest.MonkeyPatch, mood: str, ends: str
) -> None:
    title = "Restart " + ", ".join(f"service-{number}" for number in range(500))

    def steps(action: acting.Write, acts: Any) -> list[Step]:
        return [Step("line-1", title, partial(acting._write, acts, 1))]

    monkeypatch.setattr(acting.Write, "steps", steps)
    execution = world.queued(mood=mood)
    assert execute(execution) == ""
    assert end_of(execution)[0] == ends
    assert [step.title for step in execution.steps.all()] == [title]
    assert execution.request.terms.plan["steps"] == [{"key": "line-1", "title": title}]
    assert mood == "well" or execution.outcome.endswith("…: the file is not writable")


def test_a_steps_row_says_what_its_plan_says_without_secrets(
    world: World, signed_trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def steps(action: acting.Write, acts: Any) -> list[Step]:
        return [Step("line-1", f"Write {acting.known(acts)}", partial(acting._write, acts, 1))]

    set_stack_secret(stack=world.stack, name="canary", value="Quartz-0815/Rhomb", by=SETUP, at=timezone.now())
    monkeypatch.setattr(acting.Write, "steps", steps)
    execution = world.queued()
    assert execute(execution) == ""
    assert end_of(execution)[0] == "succeeded"
    shown = [one["title"] for one in execution.request.terms.plan["steps"]]
    assert [step.title for step in execution.steps.all()] == shown
    assert "Quartz" not in shown[0]


def test_what_nobody_expected_before_the_first_step_ends_it_with_nothing_done(
    world: World, signed_trail: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*_: object, **__: object) -> None:
        raise DataError("value too long")

    execution = world.queued()
    monkeypatch.setattr(executing, "_start", start)
    assert execute(execution) == ""
    assert end_of(execution) == ("failed", "none", "done")
    assert execution.outcome == "not started: it could not be begun (DataError); the worker's log says why"
    assert not TargetLock.objects.filter(released_at=None).exists()
    assert world.lines() == []


def test_a_precheck_that_stands_against_it_ends_it_with_nothing_done(world: World, signed_trail: None) -> None:
    execution = world.queued()
    (world.root / "target.forbidden").touch()
    execute(execution)
    assert end_of(execution) == ("failed", "none", "done")
    assert execution.outcome == "not started: it is forbidden"


@pytest.mark.parametrize(
    ("mood", "lines", "end", "written"),
    [
        ("refuses", 1, ("failed", "none", "done"), 0),
        ("refuses", 3, ("failed", "partial", "done"), 2),
        ("lies", 1, ("verify_failed", "whole", "done"), 1),
    ],
)
@pytest.mark.recovery_fault("not verified", counted="lines that the target got")
def test_what_fails_says_what_was_done(
    world: World, signed_trail: None, mood: str, lines: int, end: tuple[str, str, str], written: int
) -> None:
    execution = world.queued(mood=mood, lines=lines)
    execute(execution)
    assert end_of(execution) == end
    assert len(world.lines()) == written


def test_a_step_whose_effect_is_open_is_found_out_by_looking(
    world: World, signed_trail: None, rings: list[tuple[str, str, int]]
) -> None:
    execution = world.queued(mood="breaks")
    execute(execution)
    assert end_of(execution) == ("outcome_unknown", "unknown", "executing")
    assert TargetLock.objects.filter(released_at=None).count() == 1
    assert rings[-1] == ("recovery", "recovery.reconcile_execution", execution.pk)
    operations.reconcile(execution_id=execution.pk)
    assert end_of(execution) == ("succeeded", "whole", "done")
    assert not TargetLock.objects.filter(released_at=None).exists()


@pytest.mark.parametrize(
    ("first", "second"), [("api", "api"), ("stack", "api"), ("api", "stack"), ("api", "api/main"), ("api/main", "api")]
)
@pytest.mark.recovery_fault("target taken", counted="lines that the second's file got")
def test_two_actions_on_one_target_are_refused(world: World, signed_trail: None, first: str, second: str) -> None:
    holder, other = world.queued(mood="breaks", target=first), world.queued(file="other", target=second)
    execute(holder)  # its outcome is unknown, so it holds its target
    execute(other)
    assert end_of(other) == ("failed", "none", "done")
    assert f"execution {holder.pk} holds it" in other.outcome
    assert world.lines("other") == []


@pytest.mark.parametrize(("first", "second"), [("api", "apis"), ("api/main", "api/other"), ("api", "worker")])
def test_actions_beside_each_other_both_go(world: World, signed_trail: None, first: str, second: str) -> None:
    holder, other = world.queued(mood="breaks", target=first), world.queued(file="other", target=second)
    execute(holder)
    execute(other)
    assert end_of(other) == ("succeeded", "whole", "done")


def test_cancelling_while_it_waits_ends_it_at_once(world: World) -> None:
    execution = world.queued()
    cancel(world, execution)
    assert end_of(execution) == ("cancelled", "none", "cancelled")
    assert "has ended" in execute(execution)
    assert world.lines() == []


def test_cancelling_while_a_worker_prepares_it_ends_it_with_nothing_done(world: World, signed_trail: None) -> None:
    execution = world.queued()
    with claim_execution(execution_id=execution.pk) as held:
        cancel(world, execution)
        assert end_of(execution) == ("claimed", "none", "approved")
        executing.carry_out(held)
    assert end_of(execution) == ("cancelled", "none", "cancelled")
    assert world.lines() == []


def test_a_lease_is_renewed_while_its_worker_lives(world: World) -> None:
    with claim_execution(execution_id=world.queued().pk, lease_seconds=0.6) as held:
        threading.Event().wait(1.5)
        held.check()


def test_cancelling_while_it_runs_stops_it_before_the_next_step(world: World, signed_trail: None) -> None:
    execution = world.queued(mood="slow", lines=2)
    worker = in_thread(execute, execution)
    wait_for(execution, "running")
    cancel(world, execution)
    (world.root / "target.go").touch()
    worker.join()
    assert end_of(execution) == ("cancelled", "partial", "done")
    assert len(world.lines()) == 1


def test_a_worker_past_its_lease_does_and_writes_nothing_more(world: World, signed_trail: None) -> None:
    execution = world.queued(mood="slow", lines=2)
    worker = in_thread(execute, execution)
    wait_for(execution, "running")
    with connection.cursor() as cursor:  # as if it had been stopped for longer than its lease
        cursor.execute(
            "UPDATE recovery_execution SET lease_until = now() - interval '1 s' WHERE id = %s", [execution.pk]
        )
    operations.sweep_recovery(at=timezone.now())
    assert end_of(execution)[0] == "outcome_unknown"
    (world.root / "target.go").touch()
    worker.join()
    assert end_of(execution)[0] == "outcome_unknown"
    assert world.lines() == []
    assert not OutputChunk.objects.exists()
    operations.reconcile(execution_id=execution.pk)
    assert end_of(execution) == ("not_started", "none", "done")


def test_what_a_probe_cannot_tell_a_person_says_with_a_reason(world: World, signed_trail: None) -> None:
    execution = world.queued(mood="breaks")
    execute(execution)
    request = RecoveryRequest.objects.get(pk=execution.request_id)
    operations.resolve_outcome(
        request=request,
        state=ExecutionState.FAILED,
        user=world.operator,
        by=SETUP,
        at=timezone.now(),
        because="I looked at it",
    )
    assert end_of(execution) == ("failed", "partial", "done")
    assert execution.outcome == "as operator says: I looked at it"


def outdate(world: World) -> None:
    """Leave a description behind that this version cannot read, as an upgrade may."""
    document = {**world.stack.document, "vantage": "from the moon"}
    type(world.stack).objects.filter(pk=world.stack.pk).update(document=document, digest="0" * 64)


def test_a_description_that_cannot_be_read_any_more_ends_it_and_frees_the_target(
    world: World, signed_trail: None
) -> None:
    execution = world.queued()
    outdate(world)
    execute(execution)
    assert end_of(execution) == ("failed", "none", "done")
    assert execution.outcome.startswith("[not kept: the stack's description cannot be read")
    assert not TargetLock.objects.filter(released_at=None).exists()


def test_a_lost_worker_is_noticed_though_the_description_cannot_be_read(world: World, signed_trail: None) -> None:
    execution = world.queued(mood="slow")
    worker = in_thread(execute, execution)
    wait_for(execution, "running")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE recovery_execution SET lease_until = now() - interval '1 s'")
    outdate(world)
    operations.sweep_recovery(at=timezone.now())
    assert end_of(execution)[0] == "outcome_unknown"
    (world.root / "target.go").touch()
    worker.join()


class Tells(acting.Write):
    """Says a secret where it does not apply any more."""

    slug: ClassVar[str] = "test.tells"

    def fingerprint(self, site: Site, parameters: acting.WriteParameters) -> Mapping[str, Any]:
        if (site.stack.root / "gone").exists():
            raise ActionNotApplicable(f"nothing answers at {DSN}")
        return super().fingerprint(site, parameters)


def test_why_it_was_invalidated_is_redacted_wherever_it_is_kept(
    world: World, signed_trail: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {**registry.all_actions(), Tells.slug: Tells()}
    monkeypatch.setattr(registry, "all_actions", lambda: known)
    execution = world.approve(world.ask(Tells.slug, incident=world.incident())).execution
    (world.root / "gone").touch()
    execute(execution)
    assert end_of(execution) == ("invalidated", "none", "invalidated")
    assert "nothing answers at postgresql://" in execution.outcome
    assert found_in(PASSWORD, folder=tmp_path) == []


ILLEGIBLE = "a\0b caf\udce9"
LEGIBLE = "a\ufffdb caf\ufffd"


class Garbles(acting.Write):
    """Says and notes what neither PostgreSQL nor UTF-8 can hold."""

    slug: ClassVar[str] = "test.garbles"

    def fingerprint(self, site: Site, parameters: acting.WriteParameters) -> Mapping[str, Any]:
        number = float("nan") if parameters.mood == "slow" else 1
        return {"holders": [{"name": ILLEGIBLE, ILLEGIBLE: number}], "content": (ILLEGIBLE,)}

    def plan(self, acting: Acting[WriteParameters]) -> Plan:
        return Plan(destroys=(ILLEGIBLE,), way_back=ILLEGIBLE)

    def steps(self, acting: Acting[WriteParameters]) -> Sequence[Step]:
        return [Step("line-1", "Write a line", partial(self._write, acting))]

    def _write(self, told: Acting[WriteParameters], doing: Doing) -> None:
        doing.say(ILLEGIBLE)
        match told.parameters.mood:
            case "refuses":
                raise ActionFailed(ILLEGIBLE)
            case "breaks":
                raise ConnectionResetError(ILLEGIBLE)
        acting.path_of(told.site, told.parameters).write_text("a line\n")

    def verify(self, acting: Acting[WriteParameters]) -> Verified:
        return Verified(is_good=True, text=ILLEGIBLE, before=acting.facts, after={ILLEGIBLE: [ILLEGIBLE]})


@pytest.fixture
def garbling(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    known = {**registry.all_actions(), Garbles.slug: Garbles()}
    monkeypatch.setattr(registry, "all_actions", lambda: known)
    return world


@pytest.mark.parametrize(
    ("mood", "end", "outcome"),
    [
        ("well", ("succeeded", "whole", "done"), LEGIBLE),
        ("refuses", ("failed", "none", "done"), f"step 1, Write a line: {LEGIBLE}"),
        ("breaks", ("outcome_unknown", "unknown", "executing"), "step 1, Write a line: ConnectionResetError"),
    ],
)
def test_what_no_text_can_hold_is_kept_by_its_mark_and_ends_as_it_ended(
    garbling: World, signed_trail: None, mood: str, end: tuple[str, str, str], outcome: str
) -> None:
    request = garbling.ask(Garbles.slug, mood=mood)
    assert request.terms.plan["destroys"] == [LEGIBLE]
    execution = garbling.approve(request).execution
    execute(execution)
    assert (end_of(execution), execution.outcome) == (end, outcome)
    assert [chunk.text for chunk in OutputChunk.objects.filter(execution=execution)] == [LEGIBLE]
    if mood == "well":
        assert execution.verification is not None
        assert execution.verification["after"] == {LEGIBLE: [LEGIBLE]}
        assert execution.verification["before"]["holders"] == [{"name": LEGIBLE, LEGIBLE: 1}]


def test_facts_without_a_digest_are_no_plan(garbling: World) -> None:
    with pytest.raises(TargetUnreachable, match="it could not be planned"):
        garbling.ask(Garbles.slug, mood="slow")


def cancel(world: World, execution: Execution) -> None:
    operations.cancel_request(
        request=execution.request, user=world.operator, by=SETUP, at=timezone.now(), because="not now"
    )


def wait_for(execution: Execution, state: str) -> None:
    for _ in range(500):
        execution.refresh_from_db()
        if execution.state == state:
            return
        threading.Event().wait(0.02)
    raise AssertionError(f"it is {execution.state}")
