"""Make the incidents of a plan: molds from the operations, then piece after piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from awe_incidents.actor import Actor
from awe_incidents.audit import trail
from awe_incidents.growth import contents
from awe_incidents.growth.models import Content
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.seeding import planning
from awe_incidents.incidents.seeding.capturing import Capture, captures, skip_ids, use_one_snapshot
from awe_incidents.incidents.seeding.casting import Batch, Ids
from awe_incidents.incidents.seeding.molds import Mold, mold_of
from awe_incidents.incidents.seeding.planning import PIECE, Plan
from awe_incidents.incidents.seeding.stories import COURSES, Cast, Course, Problem, begin, go_on, problems
from awe_incidents.monthly import MonthlyId, first_id, month_of, months_later
from diagnostics.models import Stack


@dataclass(frozen=True, slots=True)
class Workshop:
    """Everything that is needed to make pieces of a plan."""

    stack: Stack
    by: Actor
    problems: Sequence[Problem]
    molds: Sequence[Sequence[Mold]]  # by problem and course
    contents: Sequence[Content] = field(repr=False)
    bases: Mapping[tuple[str, int], int]  # the last id of past months, by table and month
    widths: Mapping[str, int]  # ids of one table that a piece may take in one month

    def make(self, plan: Plan, piece: int) -> int:
        """Make one piece, in one transaction with its entry in the trail; says how many incidents it has."""
        now = timezone.now()

        def base_of(table: str, month: int) -> int:
            return self.bases.get((table, month), first_id(month)) + piece * self.widths[table]

        batch = Batch(Ids(month_of(now), base_of))
        numbers = plan.incidents(piece)
        for number in numbers:
            one = planning.drawn(plan, number, self.problems)
            batch.cast(self.molds[one.problem][one.course], began_at=one.began_at, chance=one.chance)
        with transaction.atomic():
            self._hold_contents()
            batch.write()
            trail.record(planning.VERB, subject=self.stack, by=self.by, at=now, data=planning.fact_of(plan, piece))
        return len(numbers)

    def _hold_contents(self) -> None:
        """Keep the collector from what is going to be referred to, by a lock that all pieces share."""
        for kind in {type(one) for one in self.contents}:
            wanted = {str(one.pk): one for one in self.contents if type(one) is kind}
            held = contents.hold(kind, wanted)
            contents.keep(one for digest, one in wanted.items() if digest not in held)


def open_workshop(*, stack: Stack, cast: Cast, by: Actor) -> Workshop:
    """Let the operations play every story twice, and make molds of what they wrote.

    Raises: StoryNotCastable.
    """
    known, molds, found = problems(), list[Sequence[Mold]](), dict[tuple[type[Content], object], Content]()
    with transaction.atomic():
        now = use_one_snapshot()
        for problem in known:
            pair = [list(_stories(problem, stack=stack, cast=cast, at=now)) for _ in range(2)]
            molds.append([mold_of(one, other, began_at=now) for one, other in zip(*pair, strict=True)])
            found |= {(type(row), row.pk): row for one in pair[0] for row in one.contents}
        transaction.set_rollback(True)
    every = [mold for row in molds for mold in row]
    with transaction.atomic():
        for kind in {kind for kind, _ in found}:
            contents.keep(row for (of, _), row in found.items() if of is kind)
    return Workshop(stack, by, known, molds, list(found.values()), dict(_bases(every)), _widths(every))


def _stories(problem: Problem, *, stack: Stack, cast: Cast, at: datetime) -> Iterator[Capture]:
    def branch(course: Course) -> Callable[[Incident], None]:
        return lambda incident: go_on(incident, problem, course, cast=cast, at=at)

    skip_ids()
    return captures(lambda: begin(problem, stack=stack, cast=cast, at=at), [branch(course) for course in COURSES])


def _bases(molds: Sequence[Mold]) -> Iterator[tuple[tuple[str, int], int]]:
    now = month_of(timezone.now())
    for kind in {kind for mold in molds for kind, _ in mold.kinds if isinstance(kind._meta.pk, MonthlyId)}:
        for back in range(planning.SPAN.days // 28 + 1):
            month = months_later(now, -back)
            beyond = first_id(months_later(month, 1))
            rows = kind._default_manager.filter(pk__gt=first_id(month), pk__lt=beyond)
            yield (kind._meta.db_table, month), rows.aggregate(last=Max("pk"))["last"] or first_id(month)


def _widths(molds: Sequence[Mold]) -> dict[str, int]:
    most: dict[str, int] = {}
    for mold in molds:
        for kind, times in mold.kinds:
            table = kind._meta.db_table
            most[table] = max(most.get(table, 0), len(times) * PIECE)
    return most


def make_all(workshop: Workshop, plan: Plan, pieces: Sequence[int], *, threads: int) -> Iterator[int]:
    """Make pieces of a plan; gives the number of incidents of each as soon as it is there.

    Threads are enough: while one waits for PostgreSQL, another casts.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="seeding")
    try:
        for done in as_completed([pool.submit(_made, workshop, plan, piece) for piece in pieces]):
            yield done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _made(workshop: Workshop, plan: Plan, piece: int) -> int:
    try:
        return workshop.make(plan, piece)
    finally:
        connection.close()  # the thread's own
