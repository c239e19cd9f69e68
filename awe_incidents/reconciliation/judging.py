"""Put each event of a stack down to somebody: an execution, a manual action, the container itself, or nobody (pure).

An engine does not say who asked. So an event is put down to an execution where it is of a kind that this action leaves
behind, on that container, while it went on, and not more often than the action does it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from awe_incidents.reconciliation.happenings import ContainerFacts, Happening
from awe_incidents.reconciliation.states import Cause
from awe_incidents.recovery.actions.traces import Trace
from diagnostics.probes.programs import is_look

# What only who asks the engine can bring about. Of an exec it is the start that does something.
CHANGES = frozenset(
    {
        "create",
        "start",
        "stop",
        "restart",
        "kill",
        "destroy",
        "pause",
        "unpause",
        "rename",
        "update",
        "commit",
        "exec_start",
        "extract-to-dir",
    }
)
JUDGED = CHANGES | {"die"}
CONSEQUENCES = {"die": "kill", "stop": "kill", "restart": "start"}  # what an engine adds to something else
NOT_ENDING = frozenset({1, 10, 12})  # HUP, USR1, USR2: signals that programs go on after
KILL_SECONDS = 900  # from a signal to the end; longer than any grace
POLICY_SECONDS = 75  # an engine waits for up to a minute before it starts a container again
BOOT_SECONDS = 300  # in which an engine that was started anew starts its containers
TWICE = frozenset({"kill"})  # the signal, and the one after the grace


@dataclass(frozen=True, slots=True)
class Explanation:
    """Somebody who may have done something on a stack, and when."""

    cause: Cause  # EXECUTION or MANUAL_ACTION
    id: int
    since: datetime
    until: datetime
    traces: Sequence[Trace] | None = None  # None: whatever it was

    def allows(self, happening: Happening) -> int | None:
        """Give how often it leaves such an event behind; 0 never, None without a limit."""
        if not self.since <= happening.at <= self.until:
            return 0
        if self.traces is None:
            return None
        seen = (happening.action, happening.service, happening.container, happening.command_digest)
        fitting = [one for one in self.traces if one.fits(*seen)]
        if any(one.times is None for one in fitting):
            return None
        return sum(one.times or 0 for one in fitting) * (2 if happening.action in TWICE else 1)


@dataclass(frozen=True, slots=True)
class Judged:
    """An event, and what it is put down to."""

    happening: Happening
    cause: Cause
    explanation_id: int | None = None
    follows: bool = False  # from another event, which is told of

    @property
    def is_alarm(self) -> bool:
        """Say whether nobody asked for it that we know of."""
        return self.cause is Cause.NOBODY and not self.follows


@dataclass(slots=True)
class Judge:
    """Judges the events of one stack in their order; `earlier` are those that were judged before."""

    explanations: Sequence[Explanation]
    containers: Mapping[str, ContainerFacts]
    earlier: Iterable[Judged] = ()
    blind_until: datetime | None = None  # what was before could not be looked at
    _last: dict[tuple[str, str], Judged] = field(default_factory=dict)  # by container and action
    _used: Counter[tuple[Cause, int, str, str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        for one in self.earlier:
            self._note(one)

    def judge(self, happening: Happening) -> Judged | None:
        """Put an event down to somebody; None where it is of no kind that is judged."""
        if happening.action not in JUDGED:
            return None
        judged = self._judged(happening)
        self._note(judged)
        return judged

    def _judged(self, happening: Happening) -> Judged:
        if happening.execution_id is not None:
            return Judged(happening, *self._token_taken(happening))
        if happening.action == "exec_start" and (own := self._own_exec(happening)):
            return Judged(happening, own)
        if reason := self._consequence(happening):
            return Judged(happening, reason.cause, reason.explanation_id, follows=True)
        if happening.action == "die" or (happening.action == "start" and self._starts_itself(happening)):
            return Judged(happening, Cause.ITSELF)
        return Judged(happening, *self._explained(happening))

    def _token_taken(self, happening: Happening) -> tuple[Cause, int | None]:
        """Let an execution make the container that has its token for a name, and let nobody touch it afterwards."""
        for one in self.explanations:
            is_its = one.cause is Cause.EXECUTION and one.id == happening.execution_id
            if is_its and happening.action == "create" and one.since <= happening.at <= one.until:
                return one.cause, one.id
        return Cause.NOBODY, None

    def _own_exec(self, happening: Happening) -> Cause | None:
        if is_look(happening.command):
            return Cause.LOOK
        health = {one.health for one in self._known(happening)}
        return Cause.HEALTH if happening.command_digest in health else None

    def _known(self, happening: Happening) -> list[ContainerFacts]:
        """Give what is known of the container; of one that is gone, what is known of its service's others."""
        if known := self.containers.get(happening.container):
            return [known]
        return [one for one in self.containers.values() if one.service == happening.service]

    def _consequence(self, happening: Happening) -> Judged | None:
        """Give the event that this one follows from: the end after a signal, the restart around a start."""
        first = CONSEQUENCES.get(happening.action)
        reason = self._last.get((happening.container, first)) if first else None
        if reason is None or happening.at - reason.happening.at > timedelta(seconds=KILL_SECONDS):
            return None
        if first == "kill" and (reason.happening.signal in NOT_ENDING or self._started_since(reason)):
            return None
        return reason

    def _started_since(self, reason: Judged) -> bool:
        started = self._last.get((reason.happening.container, "start"))
        return started is not None and started.happening.at > reason.happening.at

    def _starts_itself(self, happening: Happening) -> bool:
        if not any(one.restarts for one in self._known(happening)):
            return False
        died = self._last.get((happening.container, "die"))
        if died is not None:
            soon = happening.at - died.happening.at <= timedelta(seconds=POLICY_SECONDS)
            return died.cause is Cause.ITSELF and soon
        booted = self.blind_until
        return booted is not None and happening.at - booted <= timedelta(seconds=BOOT_SECONDS)

    def _explained(self, happening: Happening) -> tuple[Cause, int | None]:
        for one in self.explanations:
            limit = one.allows(happening)
            if limit is None or self._used[_place(one.cause, one.id, happening)] < limit:
                return one.cause, one.id
        return Cause.NOBODY, None

    def _note(self, judged: Judged) -> None:
        happening = judged.happening
        self._last[happening.container, happening.action] = judged
        if judged.explanation_id is not None:
            self._used[_place(judged.cause, judged.explanation_id, happening)] += 1


def _place(cause: Cause, number: int, happening: Happening) -> tuple[Cause, int, str, str, str]:
    return cause, number, happening.container, happening.action, happening.command_digest
