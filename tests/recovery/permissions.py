"""Who may take which step on whose request: one table, which API, desk and command line are held to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.recovery import operations
from awe_incidents.recovery.freezes import Freeze, MaintenanceWindow
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.recovery.operations.claiming import claim_execution
from tests.conftest import _person
from tests.recovery.conftest import World, actor

ROLES = tuple(Role)
Thing = RecoveryRequest | Freeze | MaintenanceWindow | None


def nothing(world: World, user: User) -> None:
    """Nothing has to be there before."""


def pending(world: World, user: User) -> RecoveryRequest:
    return world.ask(user=user, incident=world.incident())


def queued(world: World, user: User) -> RecoveryRequest:
    return world.approve(world.ask(user=user), user=_person("somebody-else", Role.APPROVER))


def broken(world: World, user: User) -> RecoveryRequest:
    breaker = _person("breaker", Role.RESPONDER)
    return operations.break_glass(
        request=pending(world, user), user=breaker, by=actor(breaker), at=timezone.now(), because="now"
    )


def lost(world: World, user: User) -> RecoveryRequest:
    request = queued(world, user)
    claim_execution(execution_id=request.execution.pk)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE recovery_execution SET lease_until = now() - interval '1 s'")
    operations.sweep_recovery(at=timezone.now())
    return request


def frozen(world: World, user: User) -> Freeze:
    now = timezone.now()
    asked = {"starts_at": None, "ends_at": now + timedelta(days=1), "from_tier": 0, "because": "x"}
    return operations.freeze_stack(stack=world.stack, user=user, by=actor(user), at=now, **asked)  # type: ignore[arg-type]


def declared(world: World, user: User) -> MaintenanceWindow:
    asked: dict[str, Any] = {"weekday": 1, "opens_at": time(2), "minutes": 60, "because": "x"}
    declarer = _person("declarer", Role.APPROVER)
    return operations.declare_window(stack=world.stack, user=declarer, by=actor(declarer), at=timezone.now(), **asked)


@dataclass(frozen=True, kw_only=True)
class Transition:
    """A step: what is there before, and which roles may take it on what others did, and on an own one.

    Whoever made an own one is an operator beside the role. `refusal` is what an own one tells an approver who may not.
    """

    before: Callable[[World, User], Thing] = nothing
    of_others: frozenset[Role]
    of_own: frozenset[Role]
    said: dict[str, Any] = field(default_factory=dict)
    refusal: str = ""


OPERATOR, APPROVER, RESPONDER = (frozenset({one}) for one in (Role.OPERATOR, Role.APPROVER, Role.RESPONDER))
NOBODY: frozenset[Role] = frozenset()
ALL = frozenset(Role)
TRANSITIONS: dict[str, Transition] = {
    "plan": Transition(of_others=OPERATOR, of_own=ALL),
    "request": Transition(of_others=OPERATOR, of_own=ALL, said={"because": "x"}),
    "approve": Transition(
        before=pending, of_others=APPROVER, of_own=NOBODY, said={"because": "x"}, refusal="own-request"
    ),
    "deny": Transition(before=pending, of_others=APPROVER, of_own=NOBODY, said={"because": "x"}, refusal="own-request"),
    "withdraw": Transition(before=pending, of_others=NOBODY, of_own=ALL),
    "cancel": Transition(before=queued, of_others=OPERATOR, of_own=ALL, said={"because": "x"}),
    "break-glass": Transition(before=pending, of_others=RESPONDER, of_own=RESPONDER, said={"because": "x"}),
    "review": Transition(
        before=broken,
        of_others=APPROVER,
        of_own=NOBODY,
        said={"verdict": "in_order", "findings": "x"},
        refusal="own-break-glass",
    ),
    "resolve": Transition(before=lost, of_others=OPERATOR, of_own=ALL, said={"state": "failed", "because": "x"}),
    "record": Transition(of_others=OPERATOR, of_own=ALL, said={"because": "x"}),
    "freeze": Transition(of_others=OPERATOR, of_own=ALL, said={"because": "x"}),
    "lift": Transition(before=frozen, of_others=OPERATOR, of_own=ALL, said={"because": "x"}),
    "declare-window": Transition(of_others=APPROVER, of_own=APPROVER, said={"because": "x"}),
    "close-window": Transition(before=declared, of_others=APPROVER, of_own=APPROVER, said={"because": "x"}),
}


def cases() -> Iterator[tuple[str, Role, bool]]:
    """Give every step with every role, on a foreign and on an own request."""
    for name in TRANSITIONS:
        for role in ROLES:
            yield from ((name, role, False), (name, role, True))
