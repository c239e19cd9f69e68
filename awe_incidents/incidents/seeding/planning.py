"""Which incidents are to be made, in which pieces, and which of them are there already.

Each piece is one transaction and leaves an entry in the trail; so whoever was interrupted finds what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from random import Random

from awe_incidents.audit.canonical import timestamp
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.seeding.stories import COURSES, Course, Problem
from diagnostics.models import Stack

VERB = "demo:seeded"
PIECE = 1000  # incidents of one transaction
SPAN = timedelta(days=548)  # 18 months


@dataclass(frozen=True, slots=True)
class Plan:
    """The incidents from one number to another (not included) of a seed, spread over the months before a time."""

    seed: int
    first: int
    last: int
    until: str  # RFC 3339

    def pieces(self) -> Sequence[int]:
        """Give the number of every piece."""
        return range(-(-(self.last - self.first) // PIECE))

    def incidents(self, piece: int) -> range:
        """Give the numbers of a piece's incidents."""
        return range(self.first + piece * PIECE, min(self.first + (piece + 1) * PIECE, self.last))


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn for one incident; the same number of the same seed draws the same."""

    began_at: datetime
    problem: int
    course: int
    chance: Random


def plans(stack: Stack, *, seed: int, total: int, at: datetime) -> list[tuple[Plan, list[int]]]:
    """Give what is missing to have so many incidents of a seed: plans that were begun first, each with its pieces."""
    done: dict[Plan, set[int]] = {}
    for plan, piece in _recorded(stack):
        if plan.seed == seed:
            done.setdefault(plan, set()).add(piece)
    reached = max((plan.last for plan in done), default=0)
    if reached < total:
        done[Plan(seed, reached, total, timestamp(at.replace(microsecond=0)))] = set()
    missing = [(plan, [piece for piece in plan.pieces() if piece not in pieces]) for plan, pieces in done.items()]
    return [(plan, pieces) for plan, pieces in missing if pieces]


def fact_of(plan: Plan, piece: int) -> dict[str, object]:
    """Give what a piece leaves in the trail."""
    return {**asdict(plan), "piece": piece, "incidents": len(plan.incidents(piece))}


def _recorded(stack: Stack) -> Iterator[tuple[Plan, int]]:
    entries = Entry.objects.filter(subject_type="stack", subject_id=str(stack.pk), verb=VERB).order_by("pk")
    for body in entries.values_list("body", flat=True):
        data = json.loads(bytes(body))["data"]
        yield Plan(data["seed"], data["first"], data["last"], data["until"]), data["piece"]


def drawn(plan: Plan, number: int, problems: Sequence[Problem]) -> Drawn:
    """Draw one incident: when it began, which problem it is, and how far it came by now."""
    chance = Random(plan.seed << 40 ^ number)  # noqa: S311  of a demonstration
    share = (number - plan.first + chance.random()) / (plan.last - plan.first)
    age = SPAN * (1 - share)
    return Drawn(
        began_at=datetime.fromisoformat(plan.until) - age,
        problem=chance.choices(range(len(problems)), [one.weight for one in problems])[0],
        course=chance.choices(range(len(COURSES)), [_weight(course, age) for course in COURSES])[0],
        chance=chance,
    )


def _weight(course: Course, age: timedelta) -> float:
    """Give the weight of a course for incidents of an age; those which could not have come so far yet have none."""
    if age <= course.lasts:
        return 0 if course.steps else 0.001
    return course.weight if age <= course.until else course.weight_then
