"""Freezes and maintenance windows at the desk: now, coming and past; set, lifted, declared and closed with a reason."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.audit.models import Entry
from awe_incidents.recovery import operations
from awe_incidents.recovery.freezes import Freeze, MaintenanceWindow
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.triage.facts import address, list_address
from awe_incidents.triage.recovery_asking import ask_address
from diagnostics.models import Stack
from tests.conftest import _person
from tests.recovery.conftest import World, actor, responder, rings, world
from tests.triage.world import SCRIPT, signed_in

__all__ = ["responder", "rings", "world"]  # fixtures
WINDOW = {"weekday": "7", "opens_at": "02:30", "minutes": "90", "because": f"few are here then {SCRIPT}"}


def at(**later: float) -> str:
    """Give a time from now on, as the browser sends it."""
    return f"{timezone.now() + timedelta(**later):%Y-%m-%dT%H:%M:%S}"


def frozen(**more: str) -> dict[str, str]:
    return {"from_tier": "0", "starts_at": "", "ends_at": at(hours=1), "because": f"the auction is on {SCRIPT}", **more}


def freeze(stack: Stack, user: User, **more: str) -> Freeze:
    answer = signed_in(user).post(address(stack, part="freeze"), frozen(**more))
    assert (answer.status_code, answer["Location"]) == (302, address(stack))
    return Freeze.objects.latest("pk")


def declare(stack: Stack, user: User, **more: str) -> MaintenanceWindow:
    answer = signed_in(user).post(address(stack, part="declare-window"), {**WINDOW, **more})
    assert (answer.status_code, answer["Location"]) == (302, address(stack))
    return MaintenanceWindow.objects.latest("pk")


def far(stack: Stack, user: User) -> MaintenanceWindow:
    """Declare one that opens in some hours."""
    opening = datetime.now(UTC) + timedelta(hours=5)
    return declare(stack, user, weekday=str(opening.isoweekday()), opens_at=f"{opening:%H:%M}", minutes="60")


def verbs() -> list[str]:
    return list(Entry.objects.filter(verb__regex="^(freeze|maintenance)").order_by("pk").values_list("verb", flat=True))


def shown(rows: Any) -> list[int]:
    return [row[0].pk for row in rows]


def test_a_stack_is_frozen_from_its_page_and_the_freeze_lifted_from_its_own(world: World) -> None:
    made = freeze(world.stack, world.operator, from_tier="2")
    assert (made.stack, made.from_tier, made.person, made.lifted_at) == (world.stack, 2, world.operator, None)
    client = signed_in(world.operator)
    for path in (address(made), address(world.stack), list_address(Freeze)):
        page = client.get(path).content.decode()
        assert "the auction is on" in page, path
        assert SCRIPT not in page, path
    assert f'href="{address(made, part="lift")}"' in client.get(address(made)).content.decode()
    answer = client.post(address(made, part="lift"), {"because": "it is over"})
    assert (answer.status_code, answer["Location"]) == (302, address(made))
    made.refresh_from_db()
    assert (made.lifted_by, made.lifted_because) == (world.operator, "it is over")
    page = client.get(address(made)).content.decode()
    assert "it is over" in page
    assert address(made, part="lift") not in page
    assert client.post(address(made, part="lift"), {"because": "again"}).status_code == 409
    assert verbs() == ["freeze:set", "freeze:lifted"]


def test_the_list_has_what_holds_what_comes_and_what_is_past(world: World) -> None:
    now, lifted = (freeze(world.stack, world.operator) for _ in range(2))
    coming = freeze(world.stack, world.operator, starts_at=at(hours=2), ends_at=at(hours=3))
    signed_in(world.operator).post(address(lifted, part="lift"), {"because": "it is over"})
    context = signed_in(world.approver).get(list_address(Freeze)).context
    assert (shown(context["now"]), shown(context["coming"]), shown(context["lines"])) == (
        *([now.pk], [coming.pk]),
        [lifted.pk],
    )
    assert context["makeable"] == []  # an approver freezes nothing
    narrowed = signed_in(world.operator).get(f"{list_address(Freeze)}?stack=other").context
    assert (narrowed["now"], narrowed["lines"], narrowed["makeable"]) == ([], [], [])
    makeable = signed_in(world.operator).get(list_address(Freeze)).context["makeable"]
    assert makeable == [("plain", address(world.stack, part="freeze"))]


@pytest.mark.parametrize(
    "wrong", [{"because": " "}, {"ends_at": ""}, {"ends_at": "2001-01-01T00:00:00"}, {"from_tier": "4"}]
)
def test_a_freeze_that_cannot_be_is_refused_in_words(world: World, wrong: dict[str, str]) -> None:
    answer = signed_in(world.operator).post(address(world.stack, part="freeze"), frozen(**wrong))
    assert answer.status_code == 400
    assert not Freeze.objects.exists()
    if wrong.get("ends_at"):
        assert "a freeze ends after it begins" in answer.content.decode()


def test_a_window_is_declared_and_closed_by_an_approver(world: World) -> None:
    made = declare(world.stack, world.approver)
    assert (made.weekday, made.opens_at, made.minutes, made.person) == (7, time(2, 30), 90, world.approver)
    client = signed_in(world.approver)
    for path in (address(made), address(world.stack), list_address(MaintenanceWindow)):
        page = client.get(path).content.decode()
        assert "every Sunday from 02:30 UTC for 90 min" in page, path
        assert SCRIPT not in page, path
    context = client.get(list_address(MaintenanceWindow)).context
    assert (shown(context["declared"]), context["lines"]) == ([made.pk], [])
    assert client.post(address(made, part="close"), {"because": "all day now"}).status_code == 302
    assert client.post(address(made, part="close"), {"because": "again"}).status_code == 409
    context = client.get(list_address(MaintenanceWindow)).context
    assert (context["declared"], shown(context["lines"])) == ([], [made.pk])
    assert "all day now" in client.get(address(made)).content.decode()
    assert verbs() == ["maintenance_window:declared", "maintenance_window:closed"]


@pytest.mark.parametrize("wrong", [{"weekday": "8"}, {"minutes": "10081"}, {"opens_at": "24:00"}, {"because": ""}])
def test_a_window_that_cannot_be_is_refused(world: World, wrong: dict[str, str]) -> None:
    answer = signed_in(world.approver).post(address(world.stack, part="declare-window"), {**WINDOW, **wrong})
    assert answer.status_code == 400
    assert not MaintenanceWindow.objects.exists()


@pytest.mark.parametrize("role", list(Role))
def test_who_may_is_as_by_http(world: World, role: Role) -> None:
    """As tests/recovery/permissions.py has it: operators freeze and lift, approvers declare and close."""
    lifted, closed = freeze(world.stack, world.operator), declare(world.stack, world.approver)
    client, before = signed_in(_person("person", role)), verbs()
    statuses = {
        "freeze": client.post(address(world.stack, part="freeze"), frozen()).status_code,
        "lift": client.post(address(lifted, part="lift"), {"because": "x"}).status_code,
        "declare": client.post(address(world.stack, part="declare-window"), WINDOW).status_code,
        "close": client.post(address(closed, part="close"), {"because": "x"}).status_code,
    }
    of = {"freeze": Role.OPERATOR, "lift": Role.OPERATOR, "declare": Role.APPROVER, "close": Role.APPROVER}
    assert statuses == {step: 302 if role == may else 403 for step, may in of.items()}
    assert len(verbs()) == len(before) + list(of.values()).count(role)


def test_what_a_freeze_holds_back_says_so_on_its_page_and_the_freeze_what_waits(world: World, responder: User) -> None:
    made = freeze(world.stack, world.operator)
    request = world.approve(world.ask())
    passing = world.ask(incident=world.incident(), target="worker")
    operations.break_glass(request=passing, user=responder, by=actor(responder), at=timezone.now(), because="it burns")
    client = signed_in(world.operator)
    for path in (address(request), address(request, part="live")):
        page = client.get(path).content.decode()
        assert page.count(f'href="{address(made)}"') == 2, path  # among the facts, and where its execution waits
        assert f"(freeze {made.pk})" in page, path
    assert address(made) in client.get(address(world.ask(target="worker"))).content.decode()  # before it is approved
    assert address(made) not in client.get(address(passing)).content.decode()
    assert address(made) in client.get(ask_address(world.stack, "test.write")).content.decode()
    waiting = client.get(address(made)).context["waiting"]
    assert [one.request_id for one in waiting] == [request.pk]
    client.post(address(made, part="lift"), {"because": "it is over"})
    assert address(made) not in client.get(address(request)).content.decode()
    assert RecoveryRequest.objects.get(pk=request.pk).state == "approved"


def test_what_waits_for_a_window_leads_to_the_windows_of_its_stack(world: World) -> None:
    made = far(world.stack, world.approver)
    request = world.approve(world.ask())
    page = signed_in(world.operator).get(address(request)).content.decode()
    assert f"the next maintenance window opens at {made.opening(timezone.now())[0]:%Y-%m-%d %H:%M} UTC" in page
    assert f'href="{list_address(MaintenanceWindow, "stack=plain")}"' in page
