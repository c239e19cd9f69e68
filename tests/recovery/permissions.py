"""Who may take which step on whose request: one table, which operations, API, desk and command line are held to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from awe_incidents.accounts.roles import Role
from awe_incidents.recovery.states import (
    EXECUTION_TRANSITIONS,
    NOTICE_TRANSITIONS,
    REQUEST_TRANSITIONS,
    REVIEW_TRANSITIONS,
    SECRET_TRANSITIONS,
    STEP_TRANSITIONS,
    ExecutionState,
    RequestState,
    ReviewState,
    SecretState,
    StepState,
)
from tests.recovery import house
from tests.recovery.house import Before

# + it is done
# - it takes a role, a scope or a part in it that this person lacks
# o nobody decides on what they asked for      a nobody decides on what is done to themselves
# n it was made for who asked                  g nobody reviews a break-glass that they had a part in
# x nobody is let in so, whatever they want
#
# Columns: five roles on what another asked for; the same on what oneself asked for, who then is an operator, too; then
# people with every role: to whom it is done, made inactive, a superuser (without any role, this one), with a token that
# was revoked, with another token than that by which they asked, and with one that only reads.
ANSWERS = """
                     others'         own             affected inactive superuser revoked second reading
                     r o a e u       r o a e u
plan                 - + - - -       + + + + +       +        x        -         x       +      -
request              - + - - -       + + + + +       +        x        -         x       +      -
request-at-once      - + - - -       + + + + +       +        x        -         x       +      -
request-recommended  - + - - -       + + + + +       +        x        -         x       +      -
approve              - - + - -       - - o - -       a        x        -         x       o      -
deny                 - - + - -       - - o - -       a        x        -         x       o      -
withdraw             - - - - -       + + + + +       -        x        -         x       +      -
cancel-queued        - + - - -       + + + + +       +        x        -         x       +      -
cancel-claimed       - + - - -       + + + + +       +        x        -         x       +      -
cancel-running       - + - - -       + + + + +       +        x        -         x       +      -
break-glass          - - - + -       - - - + -       +        x        -         x       +      -
review               - - + - -       - - g - -       a        x        -         x       g      -
review-own-glass     - - g - -       - - g - -       a        x        -         x       g      -
execute              - + - - -       + + + + +       +        x        -         x       +      -
probe                - + - - -       + + + + +       +        x        -         x       +      -
resolve-succeeded    - + - - -       + + + + +       +        x        -         x       +      -
resolve-failed       - + - - -       + + + + +       +        x        -         x       +      -
resolve-not-started  - + - - -       + + + + +       +        x        -         x       +      -
show-secret          - n - - -       + + + + +       n        x        -         x       +      -
record               - + - - -       + + + + +       +        x        -         x       +      -
attach               - - - - -       + + + + +       -        x        -         x       +      -
take-in              - + - - -       + + + + +       +        x        -         x       +      -
freeze               - + - - -       + + + + +       +        x        -         x       +      -
lift                 - + - - -       + + + + +       +        x        -         x       +      -
declare-window       - - + - -       - - + - -       +        x        -         x       +      -
close-window         - - + - -       - - + - -       +        x        -         x       +      -
"""
ROLES = (Role.REPORTER, Role.OPERATOR, Role.APPROVER, Role.RESPONDER, Role.AUDITOR)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A column: who comes, with what."""

    name: str
    person: str = "stranger"  # or asker, or affected
    roles: tuple[Role, ...] = ROLES
    is_active: bool = True
    is_superuser: bool = False
    token: str = ""  # another than the person's first


COLUMNS: tuple[tuple[Case, ...], ...] = (
    *((Case(name=f"another's, as {role}", roles=(role,)),) for role in ROLES),
    *((Case(name=f"an own one, as {role}", person="asker", roles=(role, Role.OPERATOR)),) for role in ROLES),
    (Case(name="affected", person="affected"),),
    tuple(Case(name=f"inactive {one}", person=one, is_active=False) for one in ("stranger", "asker")),
    (Case(name="superuser", roles=(), is_superuser=True),),
    tuple(Case(name=f"revoked token of {one}", person=one, token=f"revoked {one}") for one in ("stranger", "asker")),
    (Case(name="second token", person="asker", token="second"),),
    (Case(name="token that only reads", token="reading"),),
)

R, E, S = RequestState, ExecutionState, StepState
TABLES: Mapping[str, Mapping[Any, frozenset[Any]]] = {
    "request": REQUEST_TRANSITIONS,
    "execution": EXECUTION_TRANSITIONS,
    "step": STEP_TRANSITIONS,
    "review": REVIEW_TRANSITIONS,
    "secret": SECRET_TRANSITIONS,
    "notice": NOTICE_TRANSITIONS,
}
FIRST = {"request": R.PLANNED, "execution": E.QUEUED, "step": S.WAITING, "review": ReviewState.DUE}


@dataclass(frozen=True, kw_only=True)
class Step:
    """A row: how it stands before, what is sent, and what has happened where it was done.

    `moves` gives the states of each table in order: from the one before, or from the first of what is made anew.
    `rows` are the tables of recovery that differ afterwards, no others; `entries` the verbs that the trail has more.
    """

    before: Before = house.stack
    said: Mapping[str, Any] = field(default_factory=dict)
    moves: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    rows: str = ""
    entries: str = ""
    is_committed: bool = False  # others have to see it: sequencer, signer, and who looks on


WHY = {"because": "it must be"}
_DECIDED = "recoveryrequest decision"
_FREED = "recoveryrequest execution targetlock"
_ENDED = (R.APPROVED, R.EXECUTING, R.DONE)
STEPS: dict[str, Step] = {
    "plan": Step(),
    "request": Step(
        said=WHY,
        moves={"request": (R.PLANNED, R.PENDING_APPROVAL)},
        rows="recoveryrequest requestterms",
        entries="recovery_request:requested",
    ),
    "request-at-once": Step(
        said=WHY,
        moves={"request": (R.PLANNED, R.APPROVED), "execution": (E.QUEUED,)},
        rows="recoveryrequest requestterms execution",
        entries="recovery_request:requested recovery_request:approved",
    ),
    "request-recommended": Step(
        before=house.diagnosed,
        said=WHY,
        moves={"request": (R.PLANNED, R.PENDING_APPROVAL)},
        rows="recoveryrequest requestterms recommendation",
        entries="recovery_request:requested",
    ),
    "approve": Step(
        before=house.pending,
        said=WHY,
        moves={"request": (R.PENDING_APPROVAL, R.APPROVED), "execution": (E.QUEUED,)},
        rows=f"{_DECIDED} execution",
        entries="recovery_request:approved",
    ),
    "deny": Step(
        before=house.pending,
        said=WHY,
        moves={"request": (R.PENDING_APPROVAL, R.DENIED)},
        rows=_DECIDED,
        entries="recovery_request:denied",
    ),
    "withdraw": Step(
        before=house.pending,
        said=WHY,
        moves={"request": (R.PENDING_APPROVAL, R.WITHDRAWN)},
        rows="recoveryrequest",
        entries="recovery_request:withdrawn",
    ),
    "cancel-queued": Step(
        before=house.queued,
        said=WHY,
        moves={"request": (R.APPROVED, R.CANCELLED), "execution": (E.QUEUED, E.CANCELLED)},
        rows="recoveryrequest execution",
        entries="recovery_request:cancelled",
    ),
    "cancel-claimed": Step(before=house.claimed, said=WHY, rows="execution", entries="execution:cancel_asked"),
    "cancel-running": Step(
        before=house.running,
        said=WHY,
        moves={"execution": (E.RUNNING, E.CANCELLING)},
        rows="execution",
        entries="execution:cancel_asked",
    ),
    "break-glass": Step(
        before=house.pending,
        said=WHY,
        moves={
            "request": (R.PENDING_APPROVAL, R.BREAK_GLASS, R.APPROVED),
            "execution": (E.QUEUED,),
            "review": (ReviewState.DUE,),
        },
        rows="recoveryrequest execution review",
        entries="recovery_request:glass_broken",
    ),
    **{
        name: Step(
            before=before,
            said={"verdict": "in_order", "findings": "no other way"},
            moves={"review": (ReviewState.DUE, ReviewState.REVIEWED)},
            rows="review",
            entries="recovery_request:reviewed",
        )
        for name, before in (("review", house.broken), ("review-own-glass", house.broken_by_the_stranger))
    },
    "execute": Step(
        before=house.queued,
        moves={
            "request": _ENDED,
            "execution": (E.QUEUED, E.CLAIMED, E.RUNNING, E.VERIFYING, E.SUCCEEDED),
            "step": (S.WAITING, S.STARTED, S.DONE),
        },
        rows=f"{_FREED} executionstep outputchunk",
        entries="execution:called_by_hand execution:claimed execution:intended execution:started execution:step_done"
        " execution:steps_done execution:finished",
        is_committed=True,
    ),
    "probe": Step(
        before=house.lost,
        moves={"request": _ENDED, "execution": (E.OUTCOME_UNKNOWN, E.NOT_STARTED)},
        rows=_FREED,
        entries="execution:probed_by_hand execution:finished",
    ),
    **{
        f"resolve-{state.replace('_', '-')}": Step(
            before=house.lost,
            said={"state": state.value, **WHY},
            moves={"request": _ENDED, "execution": (E.OUTCOME_UNKNOWN, state)},
            rows=_FREED,
            entries="execution:finished",
        )
        for state in (E.SUCCEEDED, E.FAILED, E.NOT_STARTED)
    },
    "show-secret": Step(
        before=house.sealed,
        moves={"secret": (SecretState.SEALED, SecretState.SHOWN)},
        rows="onetimesecret",
        entries="execution:secret_shown",
    ),
    "record": Step(said=WHY, rows="manualaction", entries="manual_action:recorded"),
    "attach": Step(before=house.recorded, rows="manualattachment", entries="attachment:added"),
    "take-in": Step(before=house.journaled, rows="manualaction journaledaction", entries="manual_action:recorded"),
    "freeze": Step(said=WHY, rows="freeze", entries="freeze:set"),
    "lift": Step(before=house.frozen, said=WHY, rows="freeze", entries="freeze:lifted"),
    "declare-window": Step(said=WHY, rows="maintenancewindow", entries="maintenance_window:declared"),
    "close-window": Step(
        before=house.declared, said=WHY, rows="maintenancewindow", entries="maintenance_window:closed"
    ),
}

# What no person does: neither operation nor any way in has a word for it. tests/recovery/test_executing.py,
# test_lost_workers.py, test_deciding.py, test_one_time_secrets.py and test_notices.py see these happen.
CLOCK, SWEEPER = "the sweeper, by the database's clock", "the sweeper: the lease of a lost worker has run out"
AGAIN = "the worker, as it looks again under the lock"
AFTER = "the worker, after what was done"
NOT_BY_PEOPLE: dict[tuple[str, Any, Any], str] = {
    ("request", R.PENDING_APPROVAL, R.EXPIRED): CLOCK,
    ("request", R.APPROVED, R.EXPIRED): CLOCK,
    ("request", R.APPROVED, R.INVALIDATED): AGAIN,
    ("execution", E.QUEUED, E.EXPIRED): CLOCK,
    ("execution", E.QUEUED, E.INVALIDATED): AGAIN,
    ("execution", E.CLAIMED, E.QUEUED): "the worker: no signed intent in time, a freeze, or somebody's wish to cancel",
    ("execution", E.CLAIMED, E.FAILED): "the worker: a precheck stands against it",
    ("execution", E.RUNNING, E.FAILED): "the worker: a step says that it failed",
    ("execution", E.VERIFYING, E.VERIFY_FAILED): AFTER,
    ("execution", E.CANCELLING, E.CANCELLED): "the worker, before its next step",
    **{("execution", one, E.OUTCOME_UNKNOWN): SWEEPER for one in (E.CLAIMED, E.RUNNING, E.VERIFYING, E.CANCELLING)},
    **{
        ("notice", source, target): "the worker that sends mail, or the sweeper where that one was lost"
        for source, targets in NOTICE_TRANSITIONS.items()
        for target in targets
    },
    ("step", S.STARTED, S.FAILED): "the worker: the step says so",
    ("secret", SecretState.SEALED, SecretState.EXPIRED): CLOCK,
}


def answers() -> dict[str, tuple[str, ...]]:
    """Give the letters of each step, one a column."""
    lines = [line.split() for line in ANSWERS.strip().splitlines()[2:]]
    return {name: tuple(letters) for name, *letters in lines}


def cases(step: str) -> Iterator[tuple[Case, str]]:
    """Give who comes, and the answer that the table has for them."""
    for column, letter in zip(COLUMNS, answers()[step], strict=True):
        yield from ((case, letter) for case in column)
