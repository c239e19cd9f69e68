"""The contract of an action: what it needs, what it will do, the steps, and how to see afterwards what was done.

Life of one: `target` and `fingerprint` (whom it is done to, as it is now), `plan` and `steps` (shown and approved),
`prechecks` (under the lock), each step's `run` (the only part that changes anything), `verify` (looks anew),
and `probe` where the worker was lost. All but `run` only read.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Generic

from awe_incidents.recovery.actions.parameters import P, schema_of
from awe_incidents.recovery.actions.site import Site
from awe_incidents.recovery.actions.traces import Trace, anything_on
from diagnostics.stack import StackConfig

WHOLE_STACK = ""  # the target above all others


class ActionFailed(Exception):
    """A step was refused and has changed nothing; the message is for people and holds no secret.

    Whatever else a step raises leaves open what it has done: the outcome is unknown then.
    """


class AlreadyDone(Exception):
    """The target refuses the token: this step was started before, and how that ended is not known here."""


def _no_safe(secret: str) -> None:
    raise ActionFailed("nothing keeps secrets here, so none was made")


def _nowhere_kept(secret: str) -> None:
    """What is said here is kept nowhere."""


class Probed(StrEnum):
    """What looking at the target says of an execution whose worker was lost."""

    NOT_STARTED = "not_started"
    FINISHED_WELL = "finished_well"
    FINISHED_BADLY = "finished_badly"
    CANNOT_TELL = "cannot_tell"  # a person decides


def judged(*, of: int, done: int, open_ones: int) -> Probed:
    """Say what so many steps look like that the target refuses no second time; `open_ones` are not done and may yet be.

    A worker that was stopped and not killed may do the step that it is at whenever it goes on, and no further one: so
    only that is final which this one step does not change.
    """
    if done == of:
        return Probed.FINISHED_WELL
    may_change = open_ones == of - done and (not done or open_ones == 1)
    return Probed.CANNOT_TELL if may_change else Probed.FINISHED_BADLY


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What people approve, beside the titles of the steps; deterministic, as it is part of the digest."""

    destroys: tuple[str, ...] = ()
    way_back: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What verification saw: before is from the fingerprint, after was looked at anew."""

    is_good: bool
    text: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Acting(Generic[P]):
    """What every part of an action gets: where, with what, and the facts of the target as they were approved."""

    site: Site
    parameters: P
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Doing:
    """What a step gets while it runs."""

    token: str  # the same for this step of this execution, and for no other
    say: Callable[[str], None]  # a line of output, redacted and kept
    check: Callable[[], None]  # raises LeaseLost; for long steps, before each effect
    # Keeps the one secret of an execution for its requester alone; called before what makes the secret valid is done.
    seal: Callable[[str], None] = _no_safe
    # Takes a secret that was made or read just now out of whatever is said and logged from here on.
    hide: Callable[[str], None] = _nowhere_kept


@dataclass(frozen=True, slots=True)
class Step:
    """One effect: its key, what it does in words, and the code that does it."""

    key: str
    title: str
    run: Callable[[Doing], None]  # raises ActionFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How often an action may start on one target of a stack; what ended without any effect does not count."""

    times: int
    seconds: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a cause is about, as a diagnosis names it."""

    subject: str  # a service, file, host or account
    service: str = ""  # "" where the subject belongs to none


@dataclass(frozen=True, kw_only=True)
class Action(ABC, Generic[P]):
    """Something that can be done to a stack."""

    slug: ClassVar[str]  # id, file name and URL: category.name
    title: ClassVar[str]
    version: ClassVar[int] = 1  # a change of what it does is another one: approvals of the former do not hold
    tier: ClassVar[int]  # policies.Tier
    rate: ClassVar[Rate] = Rate(times=6)
    parameters: ClassVar[type[Any]]

    def schema(self) -> dict[str, Any]:
        """Give the JSON Schema of the parameters."""
        return schema_of(self.parameters)

    def not_applicable(self, stack: StackConfig, parameters: P) -> str | None:
        """Say why the stack has nothing for this action, or give None."""
        return None

    def prefilled(self, stack: StackConfig, about: About) -> dict[str, Any]:
        """Give the parameters that a cause tells by what it is about; what it does not tell is left to people."""
        names = {one.name for one in dataclasses.fields(self.parameters)}
        told = {"service": _service_of(stack, about), "database": _database_of(stack, about)}
        return {name: value for name, value in told.items() if name in names and value}

    def affected_user(self, parameters: P) -> str:
        """Give the name of the person to whom it is done, who must not decide on it."""
        return ""

    @abstractmethod
    def target(self, stack: StackConfig, parameters: P) -> str:
        """Give what is locked: "" (the stack), `service` or `service/database`; what is above locks what is below."""

    @abstractmethod
    def fingerprint(self, site: Site, parameters: P) -> Mapping[str, Any]:
        """Give the facts by which the target is known again: ids, digests, start times; JSON, and no secret.

        Raises: ActionNotApplicable, where there is nothing to do now; TargetUnreachable.
        """

    @abstractmethod
    def plan(self, acting: Acting[P]) -> Plan:
        """Say what will be destroyed and how to go back."""

    def prechecks(self, acting: Acting[P]) -> Iterator[str]:
        """Give each reason not to start now."""
        yield from ()

    @abstractmethod
    def steps(self, acting: Acting[P]) -> Sequence[Step]:
        """Give the steps in their order; the same for the same facts."""

    def traces(self, stack: StackConfig, parameters: P, facts: Mapping[str, Any]) -> Sequence[Trace]:
        """Give what the engine shows of it; without a word from the action, whatever happens to its target."""
        return [anything_on(self.target(stack, parameters))]

    @abstractmethod
    def verify(self, acting: Acting[P]) -> Verified:
        """Look whether the target is as it should be, by other ways than the steps went."""

    @abstractmethod
    def probe(self, acting: Acting[P]) -> Probed:
        """Look what a lost worker has done."""


def _service_of(stack: StackConfig, about: About) -> str:
    return next((name for name in (about.service, about.subject) if name in stack.services), "")


def _database_of(stack: StackConfig, about: About) -> str:
    """Give the one database that the subject names, that its service or pooler serves, or that is the only one."""
    if about.subject in stack.databases:
        return about.subject
    service = _service_of(stack, about)
    ones = list(stack.databases.values())
    serving = [one.name for one in ones if service and service in {one.service, one.pooler and one.pooler.service}]
    found = serving or [one.name for one in ones]
    return found[0] if len(found) == 1 else ""
