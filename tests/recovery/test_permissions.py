"""Every role, every step, foreign and own, by each way in: the table of permissions.py and nothing else."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.audit.models import Entry
from awe_incidents.recovery.models import RecoveryRequest
from tests.api.conftest import token_of
from tests.conftest import _person, client_of
from tests.recovery.conftest import World
from tests.recovery.permissions import TRANSITIONS, Thing, cases

API = "/api/v1/"
TARGET: dict[str, Any] = {"stack": "plain", "action": "test.write", "parameters": {"file": "target"}}
PASSWORD = "a-long-password-of-a-test"


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    folder = tmp_path / "tokens"
    folder.mkdir()
    return folder


def by_api(step: str, thing: Thing, person: User, said: dict[str, Any], tokens: Path) -> str:
    """Give "" where it was done, else the kind of the problem."""
    tomorrow = f"{timezone.now() + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    pk = thing.pk if thing else 0
    address, more = {
        "plan": ("recovery-plans/", TARGET),
        "request": ("recovery-requests/", TARGET),
        "approve": (f"recovery-requests/{pk}/approval/", {}),
        "deny": (f"recovery-requests/{pk}/denial/", {}),
        "withdraw": (f"recovery-requests/{pk}/withdrawal/", {}),
        "cancel": (f"recovery-requests/{pk}/cancellation/", {}),
        "break-glass": (f"recovery-requests/{pk}/break-glass/", {}),
        "review": (f"recovery-requests/{pk}/review/", {}),
        "resolve": (f"recovery-requests/{pk}/resolution/", {}),
        "record": ("manual-actions/", {"stack": "plain", "done_at": "2026-01-01T00:00:00Z"}),
        "freeze": ("freezes/", {"stack": "plain", "ends_at": tomorrow}),
        "lift": (f"freezes/{pk}/lifting/", {}),
        "declare-window": (
            "maintenance-windows/",
            {"stack": "plain", "weekday": 1, "opens_at": "02:00", "minutes": 60},
        ),
        "close-window": (f"maintenance-windows/{pk}/closing/", {}),
    }[step]
    digest = {"digest": thing.terms.digest} if step in {"approve", "deny"} and thing else {}  # type: ignore[union-attr]
    answer = client_of(person).post(f"{API}{address}", {**more, **digest, **said}, format="json")
    if answer.status_code < 300:
        return ""
    assert answer.status_code == 403, answer.content
    return str(answer.json()["type"].rsplit("/", 2)[1])


def by_command(step: str, thing: Thing, person: User, said: dict[str, Any], tokens: Path) -> str:
    """Give "" where it was done, else what stands on the screen."""
    path = tokens / person.username
    path.touch(mode=0o600)
    path.write_text(token_of(person) if person.roles else "")
    argv = {
        "plan": ["plain", "test.write", "file=target"],
        "request": ["plain", "test.write", "file=target"],
        "record": ["plain", "--done-at", "2026-01-01T00:00:00Z"],
        "freeze": ["plain", "--until", f"{timezone.now() + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"],
        "declare-window": ["plain", "--weekday", "1", "--opens", "02:00", "--minutes", "60"],
    }.get(step) or [str(thing.pk if thing else 0)]
    if step in {"approve", "deny"} and thing:
        argv += ["--digest", thing.terms.digest]  # type: ignore[union-attr]
    for name, value in said.items():
        argv += [f"--{name}", value]
    refused: CommandError | None = None
    try:
        call_command("recovery", step, *argv, "--token-file", str(path), stdout=io.StringIO())
    except CommandError as error:
        refused = error
    assert refused is None or refused.returncode == 4, refused
    return str(refused or "")


DRIVERS: dict[str, Callable[[str, Thing, User, dict[str, Any], Path], str]] = {"api": by_api, "command": by_command}
OWN = {"own-request": "you asked for this", "own-break-glass": "you had a part in this"}


@pytest.mark.parametrize("way", DRIVERS)
@pytest.mark.parametrize(("step", "role", "is_own"), list(cases()))
def test_who_may_take_which_step(
    world: World,
    tokens: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    step: str,
    role: Role,
    is_own: bool,
) -> None:
    transition = TRANSITIONS[step]
    person = _person("person", *({role, Role.OPERATOR} if is_own else {role}))
    person.set_password(PASSWORD)
    person.save()
    thing = transition.before(world, person if is_own else world.operator)
    before = RecoveryRequest.objects.values_list("state", flat=True).first()
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    entries = set(Entry.objects.values_list("pk", flat=True))
    refusal = DRIVERS[way](step, thing, person, transition.said, tokens)
    if role in (transition.of_own if is_own else transition.of_others):
        assert refusal == ""
        return
    assert refusal
    if is_own and role == Role.APPROVER and transition.refusal:
        assert (OWN[transition.refusal] if way == "command" else transition.refusal) in refusal
    assert RecoveryRequest.objects.values_list("state", flat=True).first() == before
    new = Entry.objects.exclude(pk__in=entries).values_list("verb", flat=True)
    assert set(new) <= {"token:issued", "user:reauthenticated"}
