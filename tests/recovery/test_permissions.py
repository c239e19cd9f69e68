"""Every role, every step, foreign and own, by each way in: the table of permissions.py and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection, transaction
from psycopg import sql

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Role
from awe_incidents.api.urls import urlpatterns
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import Incident
from awe_incidents.recovery import operations, states
from awe_incidents.recovery.management.commands.recovery import STEPS as COMMAND_STEPS
from awe_incidents.recovery.models import Execution, ExecutionStep, OneTimeSecret, RecoveryRequest, Review
from awe_incidents.triage.recovery_asking import PART
from diagnostics.models import Stack
from tests.api.trail import may_sign, sign_in_this_transaction
from tests.recovery.conftest import World
from tests.recovery.house import House, Thing
from tests.recovery.permissions import COLUMNS, FIRST, NOT_BY_PEOPLE, STEPS, TABLES, Case, Step, answers, cases
from tests.recovery.ways_in import DONE, LACKING, LOCKED_OUT, WAYS, WORDS_OF, Attempt, signed_in, verb_of

__all__ = ["may_sign"]  # a fixture
WORKERS = "over HTTP and at the desk a worker does it; this is for where workers are away"
# What a way in does not offer, and why.
NOT_OFFERED: dict[str, dict[str, str]] = {
    "operation": {"take-in": "the command reads the journal, and each of its lines is a `record`"},
    "api": {"execute": WORKERS, "probe": WORKERS, "take-in": "a journal lies on the machine on which it was written"},
    "command": {
        "request-recommended": "an action is asked for by its name, with --incident; HTTP and desk keep its cause",
        "show-secret": "what a terminal shows stays in its scrollback, and in the logs of who records sessions",
        "attach": "files are given to `record`; to add some afterwards, HTTP or the desk have to be there",
    },
    "desk": {
        **dict.fromkeys(("execute", "probe"), WORKERS),
        "take-in": "a journal lies on the machine on which it was written",
    },
}
# Columns that mean nothing to a way in.
TOKENS = ("revoked", "token that only reads")
WITHOUT_TOKENS = {
    "operation": "it is called for a person whom a way in has let in",
    "desk": "who comes there has signed in, and brings no token",
}
# Beside what the table says: that the person was there is known, whatever came of it.
RECORDED_ANYWAY = {"user:reauthenticated"}
READING_COMMANDS = {"actions", "status", "follow", "times"}
NOT_OF_PEOPLE = {
    *("Planned", "execute", "reconcile", "sweep_recovery", "note_rechecked", "notify_reviewer", "noting_refusals"),
}
# Steps of the desk on incidents and stacks that are none of recovery.
OTHER_STEPS = {
    *("acknowledge", "resolve", "reopen", "close", "accept", "classify", "run", "recheck", "inspect-token"),
}
OTHER_VIEWS = {"alarms"}  # modules of the API: reconciliation's, with tests of their own


@pytest.fixture
def house(world: World, stack: Stack, tmp_path: Path, settings: Any, may_sign: None) -> House:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return House(stack, tmp_path, sign=lambda held, intent: sign_in_this_transaction())


@dataclass(frozen=True)
class Seen:
    """What there was: a digest of each table, the trail's verbs, and how the newest request stands."""

    tables: Mapping[str, str]
    verbs: list[str]
    states: Mapping[str, str]


# When a token was last used is noted whatever it was used for.
DIGEST = """
SELECT {name}, md5(coalesce(string_agg(kept::text, '' ORDER BY kept), ''))
FROM (SELECT to_jsonb(t) - 'last_used_at' AS kept FROM {table} t) AS rows"""


@cache
def digests() -> str:
    """Give SQL for a digest of each of our tables; of the trail's the entries, as others make the rest later."""
    with connection.cursor() as cursor:
        tables = connection.introspection.get_table_list(cursor)
    found = [one.name for one in tables if one.type == "t"]  # months are parts of theirs
    names = [name for name in found if name == "audit_entry" or not name.startswith(("audit_", "django_"))]
    one = sql.SQL(DIGEST)
    each = [one.format(name=sql.Literal(name), table=sql.Identifier(name)).as_string() for name in names]
    return " UNION ALL ".join(each)


def looked() -> Seen:
    with connection.cursor() as cursor:
        cursor.execute(digests())
        tables = dict(cursor.fetchall())
    return Seen(tables, list(Entry.objects.order_by("pk").values_list("verb", flat=True)), _states())


def _states() -> dict[str, str]:
    request = RecoveryRequest.objects.order_by("-pk").first()
    of_execution = {"execution__request": request}
    rows: dict[str, Any] = {
        "request": request,
        "execution": Execution.objects.filter(request=request).first(),
        "step": ExecutionStep.objects.filter(**of_execution).first(),
        "review": Review.objects.filter(request=request).first(),
        "secret": OneTimeSecret.objects.filter(**of_execution).first(),
    }
    return {name: row.state for name, row in rows.items() if row is not None}


@contextmanager
def taken_back(is_committed: bool) -> Iterator[None]:
    """Let nothing of a case be seen by the next one, but where others have to see it."""
    if is_committed:
        yield
        return
    point = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(point)


def attempted(house: House, step: str, case: Case, thing: Thing) -> Attempt:
    """Let somebody come in as a case says."""
    clients, come = signed_in(case), User.objects.filter(username=case.person)
    come.update(roles=list(case.roles), is_active=case.is_active, is_superuser=case.is_superuser)
    return Attempt(house, step, case, thing, STEPS[step].said, clients)


def differences(before: Seen, after: Seen, step: Step, *, is_done: bool) -> Iterator[str]:
    """Say what there is that should not be, or the other way round."""
    changed = {name for name in {*before.tables, *after.tables} if before.tables.get(name) != after.tables.get(name)}
    new = [verb for verb in after.verbs[len(before.verbs) :] if verb not in RECORDED_ANYWAY]
    if not is_done:
        others = changed - ({"audit_entry"} if after.verbs != before.verbs and not new else set())
        if others or new or before.states != after.states:
            yield f"refused, and yet {sorted(others)} changed, and the trail has {new}"
        return
    rows = {f"recovery_{name}" for name in step.rows.split()}
    if {name for name in changed if name.startswith("recovery_")} != rows:
        yield f"{sorted(changed)} changed instead of {sorted(rows)}"
    if new != step.entries.split():
        yield f"the trail has {new} instead of {step.entries.split()}"
    moved = {name for name, state in after.states.items() if before.states.get(name) != state}
    for name in moved | set(step.moves):
        path = [str(state) for state in step.moves.get(name, ())]
        seen = [before.states.get(name), after.states.get(name)]
        made = name in FIRST and path[:1] == [FIRST[name]] and name not in before.states
        if not path or seen != [None if made else path[0], path[-1]]:
            yield f"{name} went {seen} instead of {path}"


def tried(house: House, way: str, name: str) -> list[str]:
    """Take a step by one way as everybody; say where it went otherwise than the table says."""
    step, wrong, thing = STEPS[name], [], None
    for case, letter in cases(name):
        if way in WITHOUT_TOKENS and case.name.startswith(TOKENS):
            continue
        if way == "operation" and letter == LOCKED_OUT:
            letter = LACKING  # who is inactive has no role
        if thing is None or step.is_committed:
            thing = step.before(house)
        with taken_back(step.is_committed):
            attempt = attempted(house, name, case, thing)
            before = looked()
            told = WAYS[way](attempt)
            if told != letter:
                wrong.append(f"{case.name}: {told} instead of {letter}")
            wrong += [f"{case.name}: {one}" for one in differences(before, looked(), step, is_done=told == DONE)]
        User.objects.filter(username=case.person).update(roles=list(Role), is_active=True, is_superuser=False)
    return wrong


AT_ONCE = [
    (way, step) for way in WAYS for step in STEPS if step not in NOT_OFFERED[way] and not STEPS[step].is_committed
]
COMMITTED = [(way, step) for way in WAYS for step in STEPS if step not in NOT_OFFERED[way] and STEPS[step].is_committed]


@pytest.mark.django_db
@pytest.mark.parametrize(("way", "step"), AT_ONCE)
def test_everybody_is_answered_as_the_table_says(house: House, way: str, step: str) -> None:
    assert tried(house, way, step) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("way", "step"), COMMITTED)
def test_everybody_is_answered_as_the_table_says_where_others_look_on(
    house: House, signed_trail: None, way: str, step: str
) -> None:
    assert tried(house, way, step) == []


def test_the_table_is_whole() -> None:
    assert list(answers()) == list(STEPS)
    assert {len(letters) for letters in answers().values()} == {len(COLUMNS)}
    assert {letter for letters in answers().values() for letter in letters} == set("+-oagnx")
    for way, words in WORDS_OF.items():
        spoken = {name for name in STEPS if verb_of(name) in words}
        assert spoken | set(NOT_OFFERED[way]) == set(STEPS), way
        assert not spoken & set(NOT_OFFERED[way]), way
    assert all(why for refused in NOT_OFFERED.values() for why in refused.values())


def test_every_transition_of_the_state_tables_is_in_the_matrix() -> None:
    by_people = {
        (table, *pair) for step in STEPS.values() for table, path in step.moves.items() for pair in pairwise(path)
    }
    assert [*TABLES.values()] == [table for name, table in vars(states).items() if name.endswith("_TRANSITIONS")]
    all_there = {
        (table, source, target)
        for table, steps in TABLES.items()
        for source, targets in steps.items()
        for target in targets
    }
    assert by_people | set(NOT_BY_PEOPLE) == all_there
    assert not by_people & set(NOT_BY_PEOPLE)
    assert all(NOT_BY_PEOPLE.values())


def test_no_way_in_has_a_step_that_the_matrix_does_not_try() -> None:
    views = {pattern.name: getattr(pattern.callback, "view_class", None) for pattern in urlpatterns}
    changing = {
        name
        for name, view in views.items()
        for method, scope in getattr(view, "scopes", {}).items()
        if method != "GET" and scope.startswith("recovery:") and view.__module__.rpartition(".")[2] not in OTHER_VIEWS
    }
    assert changing == set(WORDS_OF["api"].values())
    assert set(COMMAND_STEPS) - READING_COMMANDS == set(WORDS_OF["command"].values())
    assert set(operations.__all__) - NOT_OF_PEOPLE == set(WORDS_OF["operation"].values())
    desk: dict[Any, Any] = dict(admin.site._registry)
    own = {step.name for model, one in desk.items() if model._meta.app_label == "recovery" for step in one.steps}
    beside = {step.name for model in (Incident, Stack) for step in desk[model].steps} - OTHER_STEPS
    pages = {part for one in desk.values() for part, _ in one.pages() if part == PART}
    assert own | beside | pages == set(WORDS_OF["desk"].values())
