"""Freezes and maintenance windows: what waits, what passes, and that the database says so, too."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.audit.models import Entry
from awe_incidents.recovery import operations
from awe_incidents.recovery.errors import AlreadyLifted, NotClaimed, ReasonRequired, RoleRequired, TimesNotAllowed
from awe_incidents.recovery.freezes import Freeze, MaintenanceWindow
from awe_incidents.recovery.models import Execution
from awe_incidents.recovery.operations.claiming import claim_execution
from awe_incidents.recovery.operations.executing import carry_out
from awe_incidents.recovery.queries import waits_for
from tests.recovery.conftest import World, actor, end_of

pytestmark = pytest.mark.django_db(transaction=True)


def freeze(world: World, *, minutes: float = 10, from_tier: int = 0, user: User | None = None, **more: Any) -> Freeze:
    user, now = user or world.operator, timezone.now()
    asked = {"starts_at": None, "ends_at": now + timedelta(minutes=minutes), "because": "the auction is on", **more}
    return operations.freeze_stack(stack=world.stack, from_tier=from_tier, user=user, by=actor(user), at=now, **asked)


def lift(world: World, frozen: Freeze) -> Freeze:
    return operations.lift_freeze(
        freeze=frozen, user=world.operator, by=actor(world.operator), at=timezone.now(), because="it is over"
    )


def window(world: World, *, opens: timedelta, minutes: int = 60) -> MaintenanceWindow:
    """Declare one that opens so long from now."""
    opening = datetime.now(UTC) + opens
    return operations.declare_window(
        stack=world.stack,
        weekday=opening.isoweekday(),
        opens_at=time(opening.hour, opening.minute),
        minutes=minutes,
        user=world.approver,
        by=actor(world.approver),
        at=timezone.now(),
        because="few are here then",
    )


def claim(execution: Execution) -> None:
    claim_execution(execution_id=execution.pk)


def test_what_is_approved_waits_while_the_stack_is_frozen(world: World) -> None:
    frozen, execution = freeze(world), world.queued()
    for _ in range(2):
        with pytest.raises(NotClaimed, match=rf"the stack is frozen until .* UTC \(freeze {frozen.pk}\)"):
            claim(execution)
    assert end_of(execution) == ("queued", "none", "approved")
    assert Entry.objects.filter(verb="execution:held_up").count() == 1
    lift(world, frozen)
    claim(execution)
    assert end_of(execution)[0] == "claimed"


def test_the_sweeper_rings_for_what_waits_only_when_it_may_start(
    world: World, rings: list[tuple[str, str, int]]
) -> None:
    frozen, execution = freeze(world), world.queued()

    def rung() -> bool:
        rings.clear()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE recovery_execution SET rung_at = now() - interval '1 minute'")
        operations.sweep_recovery(at=timezone.now())
        return [one for _, _, one in rings] == [execution.pk]

    assert not rung()
    lift(world, frozen)
    assert rung()


def test_a_freeze_holds_its_tier_and_those_above(world: World) -> None:
    freeze(world, from_tier=2)
    claim(world.ask("test.write_at_once", target="worker").execution)
    with pytest.raises(NotClaimed, match="frozen"):
        claim(world.queued())


def test_a_freeze_begins_and_ends_by_itself(world: World) -> None:
    freeze(world, starts_at=timezone.now() + timedelta(minutes=5))
    assert waits_for(stack_id=world.stack.pk, tier=3) == ""
    freeze(world, minutes=0.005)
    execution = world.queued()
    while waits_for(stack_id=world.stack.pk, tier=2):
        pass
    claim(execution)


def test_a_freeze_that_comes_between_claim_and_start_sends_it_back(world: World, signed_trail: None) -> None:
    execution = world.queued()
    held = claim_execution(execution_id=execution.pk)
    freeze(world)
    with held:
        carry_out(held)
    assert end_of(execution) == ("queued", "none", "approved")
    assert world.lines() == []


def test_a_break_glass_passes_freeze_and_window_and_the_trail_says_so(world: World, responder: User) -> None:
    freeze(world)
    window(world, opens=timedelta(hours=5))
    request = world.ask(incident=world.incident())
    operations.break_glass(request=request, user=responder, by=actor(responder), at=timezone.now(), because="it burns")
    claim(Execution.objects.get(request=request))
    claimed = Entry.objects.get(verb="execution:claimed")
    because = claimed.disclosures.get(field="because").value
    assert because.startswith("the glass was broken, so it does not wait: the stack is frozen until")


def test_the_database_starts_nothing_that_waits(world: World) -> None:
    execution = world.queued()
    claimed = world.ask("test.write_at_once", target="worker").execution
    claim(claimed)
    freeze(world)
    for one, change in (
        (execution, "state = 'claimed', fence = fence + 1, lease_until = now() + interval '1 min'"),
        (claimed, "state = 'running', started_at = now(), intent = 1"),
    ):
        with (
            pytest.raises(IntegrityError, match="waits: the stack is frozen"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"UPDATE recovery_execution SET {change} WHERE id = %s", [one.pk])  # noqa: S608


def test_with_windows_what_takes_four_eyes_waits_for_one(world: World) -> None:
    execution = world.queued()
    far = window(world, opens=timedelta(hours=5))
    with pytest.raises(NotClaimed, match=f"the next maintenance window opens at .* {far.opens_at:%H:%M} UTC"):
        claim(execution)
    claim(world.ask("test.write_at_once", target="worker").execution)  # tier 1 does not wait
    window(world, opens=timedelta(minutes=-30))
    claim(execution)


def test_a_window_goes_on_over_the_end_of_the_week(world: World) -> None:
    """Declared on the day that comes next, and open for nearly a week: it is open now."""
    window(world, opens=timedelta(days=1), minutes=7 * 24 * 60 - 60)
    assert waits_for(stack_id=world.stack.pk, tier=2) == ""
    assert MaintenanceWindow.objects.count() == 1


def test_without_windows_there_is_no_waiting_again(world: World) -> None:
    far = window(world, opens=timedelta(hours=5))
    assert waits_for(stack_id=world.stack.pk, tier=2)
    closing: dict[str, Any] = {
        "user": world.approver,
        "by": actor(world.approver),
        "at": timezone.now(),
        "because": "all day now",
    }
    operations.close_window(window=far, **closing)
    assert waits_for(stack_id=world.stack.pk, tier=2) == ""
    with pytest.raises(AlreadyLifted):
        operations.close_window(window=far, **closing)


def test_a_claim_waits_for_a_freeze_that_is_being_set(world: World) -> None:
    execution = world.queued()
    outcome: list[str] = []

    def try_to_claim() -> None:
        try:
            claim(execution)
            outcome.append("claimed")
        except NotClaimed as error:
            outcome.append(str(error))
        finally:
            connection.close()

    claimer = threading.Thread(target=try_to_claim)
    with transaction.atomic():
        freeze(world)
        claimer.start()
        claimer.join(0.5)
        assert outcome == []
    claimer.join()
    assert "the stack is frozen" in outcome[0]


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"minutes": -1}, TimesNotAllowed),
        ({"minutes": 60 * 24 * 91}, TimesNotAllowed),
        ({"minutes": 1, "starts_at": datetime(2999, 1, 1, tzinfo=UTC)}, TimesNotAllowed),
        ({"because": " "}, ReasonRequired),
    ],
)
def test_a_freeze_that_cannot_be_is_refused(world: World, more: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        freeze(world, **more)
    assert not Freeze.objects.exists()


def test_who_may_freeze_and_declare(world: World) -> None:
    with pytest.raises(RoleRequired):
        freeze(world, user=world.approver)
    with pytest.raises(RoleRequired):
        operations.declare_window(
            stack=world.stack,
            weekday=1,
            opens_at=time(2),
            minutes=60,
            user=world.operator,
            by=actor(world.operator),
            at=timezone.now(),
            because="x",
        )


def test_a_freeze_is_lifted_once_and_not_rewritten(world: World) -> None:
    frozen = freeze(world)
    lift(world, frozen)
    with pytest.raises(AlreadyLifted):
        lift(world, frozen)
    with pytest.raises(IntegrityError, match="taken back before"), transaction.atomic():
        Freeze.objects.update(lifted_at=None, lifted_by=None, lifted_because="")
    with pytest.raises(Exception, match="permission denied"), transaction.atomic():
        Freeze.objects.update(ends_at=timezone.now())


@pytest.mark.parametrize(
    ("now", "opening"),
    [
        (datetime(2026, 11, 30, 1, 59, tzinfo=UTC), datetime(2026, 11, 30, 2, tzinfo=UTC)),  # a Monday, before
        (datetime(2026, 11, 30, 2, 0, tzinfo=UTC), datetime(2026, 11, 30, 2, tzinfo=UTC)),  # as it opens
        (datetime(2026, 12, 2, 1, 59, tzinfo=UTC), datetime(2026, 11, 30, 2, tzinfo=UTC)),  # still open
        (datetime(2026, 12, 2, 2, 0, tzinfo=UTC), datetime(2026, 12, 7, 2, tzinfo=UTC)),  # as it closes
        (datetime(2026, 12, 6, 23, 0, tzinfo=UTC), datetime(2026, 12, 7, 2, tzinfo=UTC)),  # a Sunday
    ],
)
def test_when_a_window_is_open_or_opens_next(now: datetime, opening: datetime) -> None:
    declared = MaintenanceWindow(weekday=1, opens_at=time(2), minutes=2 * 24 * 60)
    assert declared.opening(now) == (opening, opening + timedelta(days=2))


def test_a_window_that_opens_at_the_end_of_the_week_is_open_at_its_beginning() -> None:
    declared = MaintenanceWindow(weekday=7, opens_at=time(23), minutes=120)
    since, until = declared.opening(datetime(2026, 11, 30, 0, 30, tzinfo=UTC))
    assert (since, until) == (datetime(2026, 11, 29, 23, tzinfo=UTC), datetime(2026, 11, 30, 1, tzinfo=UTC))
