"""A stack, the cast, and a trail that is signed while a test goes."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.actor import Actor
from awe_incidents.audit.processes import connect, run_sequencer, run_signer
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.operations import open_incident
from awe_incidents.recovery import operations
from awe_incidents.recovery.actions import registry
from awe_incidents.recovery.models import Execution, RecoveryRequest
from diagnostics import queue
from diagnostics.models import Stack
from tests.audit import rows
from tests.conftest import _person
from tests.recovery import acting

# What is drawn by chance can be drawn again: each test that does so prints it.
SEED = int(os.environ.get("AWE_RECOVERY_SEED", str(random.SystemRandom().randrange(10**6))))


def in_letters(number: int) -> str:
    """Give a name of a file for a number."""
    return "".join(chr(ord("a") + int(digit)) for digit in f"{number:04}")


def actor(user: User, token: str = "") -> Actor:
    return Actor(kind="user", name=user.username, user_id=user.pk, token_prefix=token)


@pytest.fixture
def other_operator(db: None) -> User:
    return _person("other-operator", Role.OPERATOR)


@pytest.fixture
def other_approver(db: None) -> User:
    return _person("other-approver", Role.APPROVER)


@pytest.fixture
def responder(db: None) -> User:
    return _person("responder", Role.RESPONDER)


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, int]]:
    """Collect doorbells of recovery instead of sending them: queue, task, id."""
    heard: list[tuple[str, str, int]] = []

    def ring_in(to: str, task: str, **ids: int) -> None:
        if "execution_id" in ids:
            heard.append((to, task, ids["execution_id"]))

    monkeypatch.setattr(queue._bell, "ring_in", ring_in)
    return heard


@dataclass
class World:
    """What tests do, in few words."""

    stack: Stack
    operator: User
    approver: User

    @property
    def root(self) -> Path:
        return Path(self.stack.document["root"])

    def lines(self, file: str = "target") -> list[str]:
        """Give the effects that the target has seen."""
        return acting.content_of(self.root / file).splitlines()

    def ask(self, slug: str = "test.write", *, user: User | None = None, **more: Any) -> RecoveryRequest:
        user = user or self.operator
        taken = {name: more.pop(name) for name in ("incident", "retry_of") if name in more}
        return operations.request_action(
            stack=self.stack,
            slug=slug,
            document={"file": "target", **more},
            user=user,
            by=actor(user),
            at=timezone.now(),
            because="it is broken",
            **taken,
        )

    def approve(self, request: RecoveryRequest, *, user: User | None = None, **more: Any) -> RecoveryRequest:
        return self._decide(operations.approve_request, request, user, **more)

    def deny(self, request: RecoveryRequest, *, user: User | None = None) -> RecoveryRequest:
        return self._decide(operations.deny_request, request, user)

    def _decide(
        self, decide: Callable[..., RecoveryRequest], request: RecoveryRequest, user: User | None, **more: Any
    ) -> RecoveryRequest:
        user = user or self.approver
        asked = {"digest": request.terms.digest, **more}
        return decide(request=request, user=user, by=actor(user), at=timezone.now(), because="I looked", **asked)

    def queued(self, **parameters: Any) -> Execution:
        """Give an approved request's execution."""
        return self.approve(self.ask(**parameters)).execution

    def incident(self) -> Incident:
        return open_incident(
            stack=self.stack, title="broken", user=self.operator, by=actor(self.operator), at=timezone.now()
        )


@pytest.fixture
def world(
    stack: Stack, operator: User, approver: User, rings: list[tuple[str, str, int]], monkeypatch: pytest.MonkeyPatch
) -> World:
    real = dict(registry.all_actions())
    monkeypatch.setattr(registry, "all_actions", lambda: {**real, **acting.ALL})
    return World(stack, operator, approver)


@pytest.fixture
def signed_trail(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """Let sequencer and signer run, by their own roles, as they do in a deployment."""
    stopping = threading.Event()
    sequencer = partial(connect, rows.url_of(rows.APPLICATION), name="sequencer")
    signer = partial(connect, rows.url_of(rows.SIGNER), name="signer")
    folder = {"folder": tmp_path / "trail", "origin": "trail.test/awe", "passphrase": ""}
    threads = [
        threading.Thread(target=run_sequencer, args=(sequencer,), kwargs={"stopping": stopping}),
        threading.Thread(target=run_signer, args=(signer,), kwargs={"stopping": stopping, **folder}),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def end_of(execution: Execution) -> tuple[str, str, str]:
    """Give how execution and request stand, and the effect."""
    execution.refresh_from_db()
    request = RecoveryRequest.objects.get(pk=execution.request_id)
    return execution.state, execution.effect, request.state
