"""What people type into forms, bodies and command lines, and what actions say of a target before they begin."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from awe_incidents.log import Handler
from awe_incidents.recovery import operations
from awe_incidents.recovery.errors import TargetUnreachable
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.triage.recovery_asking import ask_address
from diagnostics.models import Stack
from diagnostics.operations import set_stack_secret
from tests.api.conftest import client_with
from tests.conftest import SETUP
from tests.recovery.acting import ways_to_write
from tests.recovery.conftest import World, end_of
from tests.recovery.house import House
from tests.recovery.permissions import STEPS, Case
from tests.recovery.test_canaries import CANARY
from tests.recovery.test_permissions import NOT_OFFERED
from tests.recovery.traces import Watch, forms_of, found_in
from tests.recovery.ways_in import DONE, WAYS, Attempt, signed_in

pytestmark = pytest.mark.django_db(transaction=True)
TYPED = " or ".join(ways_to_write(CANARY))
# One break-glass a stack until its review, and nothing starts once there are freezes and windows.
LAST = ("break-glass", "freeze", "lift", "declare-window", "close-window")
MOODS = ("well", "refuses", "breaks", "lies", "slow")


@pytest.fixture
def house(world: World, stack: Stack, tmp_path: Path, settings: Any) -> House:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    set_stack_secret(stack=stack, name="canary", value=CANARY, by=SETUP, at=timezone.now())
    return House(stack, tmp_path)


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """Give what this process logs, as it leaves it."""
    (handler,) = (one for one in logging.getLogger().handlers if isinstance(one, Handler))
    text, root = io.StringIO(), logging.getLogger()
    stream, level = handler.setStream(text), root.level
    root.setLevel(logging.DEBUG)
    try:
        yield text
    finally:
        root.setLevel(level)
        handler.setStream(stream)  # type: ignore[arg-type]


def forms_in(text: str) -> list[bytes]:
    return [form for form in forms_of(CANARY) if form in text.encode()]


@pytest.mark.parametrize("way", WAYS)
def test_what_people_say_with_a_step_is_kept_without_it(
    house: House, signed_trail: None, tmp_path: Path, way: str
) -> None:
    names = [name for name in STEPS if name not in (*NOT_OFFERED[way], *LAST, "review-own-glass")]
    with Watch() as watch, logged() as log:
        for name in (*names, *(one for one in LAST if one not in NOT_OFFERED[way])):
            attempt = typed(house, way, name)
            assert WAYS[way](attempt) == DONE, name
    assert RecoveryRequest.objects.filter(because__contains="[REDACTED").exists()
    assert found_in(CANARY, tmp_path, folder=tmp_path) == []
    assert watch.saw(CANARY) == []
    assert forms_in(log.getvalue()) == []


def typed(house: House, way: str, name: str) -> Attempt:
    """Let somebody who may take a step type the secret wherever the step takes words."""
    step = STEPS[name]
    thing = step.before(house)
    said = {field: TYPED if field in {"because", "findings"} else value for field, value in step.said.items()}
    case = Case(name="who may", person="asker" if name in {"withdraw", "show-secret", "attach"} else "stranger")
    return Attempt(house, name, case, thing, said, signed_in(case))


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("way", ["api", "desk", "command"])
def test_what_an_action_says_before_it_begins_is_told_without_it(
    house: House, signed_trail: None, tmp_path: Path, way: str, mood: str
) -> None:
    asked = {"file": "target", "mood": mood}
    with Watch() as watch, logged() as log:
        told = "".join(TOLD[way](house, "test.leak_before", asked))
    assert forms_in(told) == []
    assert {"well": "as [REDACTED", "refuses": "nothing to do for [REDACTED"}.get(mood, "") in told
    assert ("no plan for [REDACTED" in log.getvalue()) == (mood == "slow")
    assert RecoveryRequest.objects.count() == (mood == "well")
    assert found_in(CANARY, tmp_path, folder=tmp_path) == []
    assert watch.saw(CANARY) == []
    assert forms_in(log.getvalue()) == []


@pytest.mark.parametrize("way", ["api", "desk", "command"])
@pytest.mark.parametrize("written", ways_to_write(CANARY))
def test_parameters_with_it_are_refused_by_every_way(
    house: House, signed_trail: None, tmp_path: Path, way: str, written: str
) -> None:
    with logged() as log:
        told = "".join(TOLD[way](house, "test.write", {"file": "target", "user": written}))
    assert "looks like a secret" in told
    assert not RecoveryRequest.objects.exists()
    assert found_in(CANARY, tmp_path, folder=tmp_path) == []
    assert forms_in(log.getvalue()) == []


def told_by_api(house: House, slug: str, parameters: dict[str, str]) -> Iterator[str]:
    client = client_with(house.tokens["asker"].text)
    asked = {"stack": "plain", "action": slug, "parameters": parameters}
    yield client.post("/api/v1/recovery-plans/", asked, format="json").content.decode()
    key = {"Idempotency-Key": "once"}
    body = {**asked, "because": "it must be"}
    yield client.post("/api/v1/recovery-requests/", body, format="json", headers=key).content.decode()


def told_by_desk(house: House, slug: str, parameters: dict[str, str]) -> Iterator[str]:
    client: Client = signed_in(Case(name="", person="asker"))[1]
    path = ask_address(house.stack, slug)
    filled = {f"with-{name}": value for name, value in parameters.items()}
    planned = client.post(path, {**filled, "do": "plan"})
    form = planned.context["form"]
    # The field itself shows what was typed, to who typed it; what the desk says of it is looked at.
    yield "".join(str(planned.context[name]) for name in ("plan", "parameters", "target_facts", "held_up"))
    yield str(form.errors)
    asked = client.post(path, {**filled, "do": "ask", "because": "it must be", "seen": form.data.get("seen", "")})
    yield (
        str(asked.context["form"].errors)
        if asked.status_code != 302
        else client.get(asked["Location"]).content.decode()
    )


def told_by_command(house: House, slug: str, parameters: dict[str, str]) -> Iterator[str]:
    path = house.folder / "token"
    path.touch(mode=0o600)
    path.write_text(house.tokens["asker"].text)
    words = ["plain", slug, *(f"{name}={value}" for name, value in parameters.items()), "--token-file", str(path)]
    for argv in (["plan", *words], ["request", *words, "--because", "it must be"]):
        out = io.StringIO()
        try:
            call_command("recovery", *argv, stdout=out)
        except CommandError as refusal:
            yield str(refusal)
        yield out.getvalue()


TOLD = {"api": told_by_api, "desk": told_by_desk, "command": told_by_command}


def test_a_target_that_cannot_be_planned_any_more_is_told_without_it(
    house: House, world: World, signed_trail: None, tmp_path: Path
) -> None:
    request = world.approve(world.ask("test.leak_before"))
    with logged() as log:
        operations.execute(execution_id=request.execution.pk)
    assert end_of(request.execution) == ("failed", "none", "done")
    assert "stands against it" in request.execution.outcome
    assert found_in(CANARY, tmp_path, folder=tmp_path) == []
    assert forms_in(log.getvalue()) == []


def test_what_cannot_be_planned_is_an_answer_and_no_crash(house: House, world: World) -> None:
    with pytest.raises(TargetUnreachable, match=r"could not be planned \(RuntimeError\)"):
        operations.plan_action(
            stack=house.stack, slug="test.leak_before", document={"file": "a", "mood": "slow"}, user=world.operator
        )
