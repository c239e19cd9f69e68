"""Lists of incidents, newest first, by what is asked for: as fast with a million of them as with a hundred.

Without words a list walks an index in its order. With words it looks first whether the newest incidents have them,
which does at once for words that many have; only then it takes all that the index of words knows. Nothing is left to
the planner's guess of how many those are: for words that hardly come together it would rather walk the whole table.
Reporters walk and search their own words only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Q, QuerySet, Value
from psycopg.errors import QueryCanceled

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import sees_everything
from awe_incidents.incidents.errors import SearchTooBroad
from awe_incidents.incidents.models import Incident, IncidentWords
from awe_incidents.incidents.queries import visible_incidents
from awe_incidents.incidents.vectors import query_of_search
from diagnostics.errors import UnknownStack
from diagnostics.queries import stack_named

MAX_SECONDS = 2.0  # that a search may keep the database busy
MIN_WINDOW = 500  # newest incidents that are looked through for words before the index is asked
WINDOW_PAGES = 10  # or so many pages of them
_UNSORTED = Value(timedelta())  # added to what is sorted by, it keeps an index from being walked in that order

Place = tuple[datetime, int]  # of an incident in its list: when it was opened, and its id


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of incidents is asked for; what is empty does not matter."""

    q: str = ""
    stack: str = ""
    state: str = ""
    severity: str = ""
    category: str = ""
    opened_after: datetime | None = None
    opened_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which part of a list: so many behind (or, reversed, before) the place of an incident."""

    limit: int
    start: int | None = None
    is_reversed: bool = False

    def __post_init__(self) -> None:
        assert self.limit > 0


def listed_incidents(user: User, wanted: Wanted, stretch: Stretch) -> list[Incident]:
    """Give a part of what a person may see of what is wanted, newest first (reversed: oldest first).

    Raises: SearchTooBroad.
    """
    numbers = [number for _, number in _places(user, wanted, stretch)]
    rows = visible_incidents(user).in_bulk(numbers)
    return [rows[number] for number in numbers if number in rows]


def found_numbers(user: User, wanted: Wanted, *, limit: int) -> list[int]:
    """Give the numbers of the newest incidents that a person may see of what is wanted.

    Raises: SearchTooBroad.
    """
    return [number for _, number in _places(user, wanted, Stretch(limit))]


def _places(user: User, wanted: Wanted, stretch: Stretch) -> Sequence[Place]:
    try:
        stack_id = stack_named(wanted.stack).pk if wanted.stack else None
    except UnknownStack:
        return []
    walk = _Walk(user, wanted, stack_id, stretch)
    return walk.searched() if wanted.q else walk.listed()


@dataclass(frozen=True, slots=True)
class _Walk:
    """One list, by the table that it is best read from."""

    user: User
    wanted: Wanted
    stack_id: int | None
    stretch: Stretch

    def listed(self) -> Sequence[Place]:
        """Walk in order: incidents, or a reporter's own words with their incidents."""
        if sees_everything(self.user.roles):
            rows: QuerySet[Any] = Incident.objects.filter(self._asked(""), self._opened(), self._from("pk"))
            return self._cut(rows.order_by(*self._order("opened_at", "pk")).values_list("opened_at", "pk"))
        own = IncidentWords.objects.filter(self._asked("incident__"), self._opened(), self._from("incident_id"))
        own = own.filter(person=self.user).order_by(*self._order("opened_at", "incident_id"))
        return self._cut(own.values_list("opened_at", "incident_id").distinct())

    def searched(self) -> Sequence[Place]:
        """Look among the newest first, then by the index of words."""
        query = query_of_search(self.wanted.q)
        if not query:
            return []  # nobody says nothing
        having = IncidentWords.objects.filter(self._asked("incident__"), words__matches=query)
        window = replace(self.stretch, limit=max(MIN_WINDOW, WINDOW_PAGES * self.stretch.limit))
        walked = self.wanted
        if not sees_everything(self.user.roles):  # no index has a reporter's words by what became of the incident
            having = having.filter(person=self.user)
            walked = replace(walked, state="", severity="", category="")
        newest = replace(self, wanted=walked, stretch=window).listed()
        among = having.filter(incident__in=[number for _, number in newest])
        numbers = set(among.values_list("incident_id", flat=True))
        found = [place for place in newest if place[1] in numbers]
        if len(found) >= self.stretch.limit or len(newest) < window.limit:
            return found[: self.stretch.limit]
        return self._by_index(having)

    def _by_index(self, having: QuerySet[IncidentWords]) -> Sequence[Place]:
        rows = having.filter(self._opened(), self._from("incident_id"))
        if self.stack_id is not None:
            rows = rows.filter(words__matches=f"'@{self.stack_id}'")
        opened = ExpressionWrapper(F("opened_at") + _UNSORTED, output_field=DateTimeField())
        rows = rows.annotate(opened=opened).order_by(*self._order("opened", "incident_id"))
        with _within_seconds(MAX_SECONDS):
            return self._cut(rows.values_list("opened", "incident_id").distinct())

    def _asked(self, prefix: str) -> Q:
        values = {"stack": self.stack_id}
        values |= {name: getattr(self.wanted, name) for name in ("state", "severity", "category")}
        return Q(**{f"{prefix}{name}": value for name, value in values.items() if value})

    def _opened(self) -> Q:
        bounds = {"opened_at__gte": self.wanted.opened_after, "opened_at__lt": self.wanted.opened_before}
        return Q(**{name: at for name, at in bounds.items() if at})

    def _from(self, key: str) -> Q:
        """Narrow down to what lies behind the start; above all numbers is before everything, in a gap behind it."""
        start, is_reversed = self.stretch.start, self.stretch.is_reversed
        if start is None:
            return Q()
        opened_at = Incident.objects.filter(pk=start).values_list("opened_at", flat=True).first()
        if opened_at is None:
            is_above_all = not Incident.objects.filter(pk__gt=start).exists()
            return Q(pk__in=[]) if is_above_all == is_reversed else Q()
        side = "gt" if is_reversed else "lt"
        behind = Q(**{f"opened_at__{side}": opened_at}) | Q(**{f"{key}__{side}": start})
        return Q(**{f"opened_at__{side}e": opened_at}) & behind

    def _order(self, *names: str) -> Sequence[str]:
        return names if self.stretch.is_reversed else [f"-{name}" for name in names]

    def _cut(self, rows: QuerySet[Any, Any]) -> Sequence[Place]:
        return list(rows[: self.stretch.limit])


@contextmanager
def _within_seconds(seconds: float) -> Iterator[None]:
    """Run a query by indexes only, as the planner does not know what reading words costs, and not for long."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL enable_seqscan = off; SET LOCAL statement_timeout = {round(seconds * 1000)}")
            yield
            cursor.execute("SET LOCAL enable_seqscan = on; SET LOCAL statement_timeout = 0")  # whoever is around us
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            told = f"this search was not done after {seconds:g} s; add a word, a longer beginning or a time span"
            raise SearchTooBroad(told) from None
        raise
