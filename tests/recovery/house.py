"""People, and how a request stands before somebody takes a step on it: what the matrix of permissions is tried on."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import time, timedelta
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from awe_incidents.accounts.models import ApiToken, User
from awe_incidents.accounts.operations import issue_token, revoke_token
from awe_incidents.accounts.roles import Role, Scope, scopes_of
from awe_incidents.actor import Actor
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.operations import open_incident
from awe_incidents.recovery import operations
from awe_incidents.recovery.actions.base import Step
from awe_incidents.recovery.freezes import Freeze, MaintenanceWindow
from awe_incidents.recovery.models import Execution, ManualAction, RecoveryRequest
from awe_incidents.recovery.operations import executing
from awe_incidents.recovery.operations.claiming import WORKER, claim_execution
from awe_incidents.recovery.operations.holding import Held
from awe_incidents.recovery.operations.moving import end_execution
from awe_incidents.recovery.operations.output import Output
from awe_incidents.recovery.operations.stepping import do_step
from awe_incidents.recovery.states import Effect, ExecutionState
from diagnostics.models import Diagnosis, Stack
from tests.conftest import SETUP, _person
from tests.incidents.found import EXPIRED, failure, found
from tests.recovery.acting import MADE
from tests.recovery.conftest import in_letters

Thing = RecoveryRequest | Incident | Stack | ManualAction | Freeze | MaintenanceWindow | Path
PASSWORD = "a-long-password-of-a-test"
ALL_SCOPES = scopes_of(Role)
READING = frozenset(scope for scope in Scope if scope.endswith(":read"))


@dataclass(frozen=True)
class Token:
    """A token of a person."""

    text: str
    row: ApiToken


@dataclass
class House:
    """Somebody who asks, a stranger, and one to whom it is done; each with every role until a case takes some away.

    The token of a person allows what the roles do. `second` is another one of who asks.
    """

    stack: Stack
    folder: Path
    sign: Callable[[Held, int], object] = executing._signed_in_time  # waits for sequencer and signer
    asker: User = field(init=False)
    stranger: User = field(init=False)
    affected: User = field(init=False)
    decider: User = field(init=False)
    tokens: dict[str, Token] = field(init=False)
    _files: int = 0

    def __post_init__(self) -> None:
        self.asker, self.stranger, self.affected = (_person(name, *Role) for name in ("asker", "stranger", "affected"))
        self.decider = _person("decider", Role.APPROVER, Role.RESPONDER)
        for person in (self.asker, self.stranger, self.affected):
            person.set_password(PASSWORD)
            person.is_staff = True
            person.save(update_fields=["password", "is_staff"])
        people = {person.username: person for person in (self.asker, self.stranger, self.affected)}
        self.tokens = {name: _token(person, ALL_SCOPES) for name, person in people.items()}
        self.tokens["second"] = _token(self.asker, ALL_SCOPES)
        self.tokens["reading"] = _token(self.stranger, READING)
        for name in ("asker", "stranger"):
            revoked = self.tokens[f"revoked {name}"] = _token(people[name], ALL_SCOPES)
            revoke_token(token=revoked.row, by=SETUP, at=timezone.now(), because="lost")

    def file(self) -> str:
        """Give a target of its own, as some executions are for good."""
        self._files += 1
        return in_letters(self._files)

    def by(self, person: User, token: str = "") -> Actor:
        prefix = self.tokens[token or person.username].row.prefix if person != self.decider else ""
        return Actor(kind="user", name=person.username, user_id=person.pk, token_prefix=prefix)

    def said(self, person: User) -> dict[str, Any]:
        return {"user": person, "by": self.by(person), "at": timezone.now()}

    def ask(self, slug: str = "test.write", *, incident: Incident | None = None) -> RecoveryRequest:
        """Let the asker ask for what is done to the affected one."""
        return operations.request_action(
            stack=self.stack,
            slug=slug,
            document={"file": (file := self.file()), "target": file, "user": self.affected.username},
            incident=incident,
            because="it is broken",
            **self.said(self.asker),
        )

    def incident(self) -> Incident:
        return open_incident(stack=self.stack, title="broken", **self.said(self.asker))


def _token(person: User, scopes: Iterable[Scope]) -> Token:
    now = timezone.now()
    made = issue_token(
        user=person, name="t", scopes=frozenset(scopes), expires_at=now + timedelta(days=1), by=SETUP, at=now
    )
    return Token(made.text, ApiToken.objects.get(prefix=made.prefix))


Before = Callable[[House], Thing]


def stack(house: House) -> Stack:
    return house.stack


def pending(house: House) -> RecoveryRequest:
    return house.ask(incident=house.incident())


def queued(house: House, slug: str = "test.write") -> RecoveryRequest:
    asked = house.ask(slug)
    how = {"digest": asked.terms.digest, "because": "I looked", **house.said(house.decider)}
    return operations.approve_request(request=asked, **how)


def claimed(house: House) -> RecoveryRequest:
    request, _ = _held(house)
    return request


def running(house: House) -> RecoveryRequest:
    request, _ = _begun(house)
    return request


def lost(house: House) -> RecoveryRequest:
    """Let the worker's lease run out before it has begun."""
    request = claimed(house)
    with connection.cursor() as cursor:
        ended = "UPDATE recovery_execution SET lease_until = now() - interval '1 s' WHERE request_id = %s"
        cursor.execute(ended, [request.pk])
    operations.sweep_recovery(at=timezone.now())
    return request


def sealed(house: House) -> RecoveryRequest:
    """Let an execution end well that has made a secret."""
    request, held = _begun(house)
    do_step(held, 1, Step("line-1", "Write line 1", lambda doing: doing.seal(MADE)), Output(held, request.stack))
    with held.writing(ExecutionState.RUNNING) as (execution, locked):
        Execution.objects.filter(pk=execution.pk).update(state=ExecutionState.VERIFYING)
        ended = {"effect": Effect.WHOLE, "outcome": "it is made", "by": WORKER, "at": timezone.now()}
        end_execution(execution, locked, ExecutionState.SUCCEEDED, **ended)  # type: ignore[arg-type]
    return request


def _held(house: House) -> tuple[RecoveryRequest, Held]:
    request = queued(house)
    return request, claim_execution(execution_id=request.execution.pk)


def _begun(house: House) -> tuple[RecoveryRequest, Held]:
    """Do what a worker does up to its first step."""
    request, held = _held(house)
    steps = [Step("line-1", "Write line 1", lambda doing: None)]
    intent = executing._intend(held, steps)
    house.sign(held, intent)
    with held.writing(ExecutionState.CLAIMED) as (execution, locked):
        executing._start(execution, locked, steps, intent=intent)
    with connection.cursor() as cursor:  # that of a worker's transaction; a test's goes on, however slow the machine
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    return request, held


def broken(house: House) -> RecoveryRequest:
    return _broken_by(house, house.decider)


def broken_by_the_stranger(house: House) -> RecoveryRequest:
    return _broken_by(house, house.stranger)


def _broken_by(house: House, person: User) -> RecoveryRequest:
    return operations.break_glass(request=pending(house), because="it burns", **house.said(person))


def diagnosed(house: House) -> Incident:
    """Give an incident whose diagnosis recommends an action."""
    incident = house.incident()
    run = found(incident, house.asker, failure(EXPIRED, target="api"))
    kept = Diagnosis.objects.get(run=run)
    kept.document["causes"][0]["actions"] = ["test.write"]
    kept.save(update_fields=["document"])
    return incident


def frozen(house: House) -> Freeze:
    asked: dict[str, Any] = {"starts_at": None, "ends_at": timezone.now() + timedelta(days=1), "from_tier": 0}
    return operations.freeze_stack(stack=house.stack, because="not now", **asked, **house.said(house.asker))


def declared(house: House) -> MaintenanceWindow:
    asked: dict[str, Any] = {"weekday": 1, "opens_at": time(2), "minutes": 60}
    return operations.declare_window(stack=house.stack, because="few are here", **asked, **house.said(house.asker))


def recorded(house: House) -> ManualAction:
    told = {"done_by": "me", "done_at": timezone.now(), "because": "it was stuck"}
    return operations.record_manual_action(stack=house.stack, **told, **house.said(house.asker))  # type: ignore[arg-type]


def journaled(house: House) -> Path:
    """Give the folder of a journal with a line."""
    folder = house.folder / "journal"
    argv = ("record", house.stack.name, "--to-journal", "--done-by", "somebody", "--because", "it was stuck")
    call_command("recovery", *argv, "--folder", str(folder), stdout=io.StringIO())
    return folder
