"""What changed since a stack was last seen without a failure: measured values that last, compared pure and simple."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from diagnostics.checks.result import NAMES, Value
from diagnostics.diagnosis.observed import Observation, Span

TIMES_SLOWER = 3.0  # of a duration; less is the noise of a shared machine [ours]
LEAST_MILLISECONDS = 50.0  # more than before, that is [ours]
MAX_CHANGES = 50

Place = tuple[str, str, str]  # check, target, what is measured


@dataclass(frozen=True, slots=True)
class Before:
    """What was seen when nothing failed, and when each check saw it (ISO 8601)."""

    observations: tuple[Observation, ...] = ()
    seen_at: Mapping[str, str] | None = None  # by check


@dataclass(frozen=True, slots=True)
class Change:
    """One value that is not what it was."""

    check: str
    target: str
    service: str
    what: str
    before: Value
    after: Value
    unit: str
    since: str  # when it was as before (ISO 8601), "" where that is not known
    spans: tuple[Span, ...]  # that show what it is now

    @property
    def sentence(self) -> str:
        """Say it in plain words."""
        subject = f"{self.target or self.service or 'the stack'}: {self.what.replace('_', ' ')}"
        if self.unit == NAMES:
            gone, new = _names(self.before) - _names(self.after), _names(self.after) - _names(self.before)
            said = [("new", new), ("gone", gone)]
            return f"{subject}: " + "; ".join(f"{word} {', '.join(sorted(names))}" for word, names in said if names)
        if self.unit == "ms":
            return f"{subject} took {self.after:.0f} ms, {self.before:.0f} ms before"
        return f"{subject} is {_shown(self.after, self.unit)}, was {_shown(self.before, self.unit)}"


def changes_since(before: Before, now: Iterable[Observation]) -> tuple[Change, ...]:
    """Give what differs, by check, target and value; what only one of both saw is no change."""
    known = {place: value for place, value, _ in _lasting(before.observations)}
    found = list(_changes(known, before.seen_at or {}, now))
    return tuple(sorted(found, key=lambda one: (one.check, one.target, one.what))[:MAX_CHANGES])


def _changes(known: Mapping[Place, Value], seen_at: Mapping[str, str], now: Iterable[Observation]) -> Iterator[Change]:
    done = set[Place]()
    for place, value, seen in _lasting(now):
        if place in done or place not in known:
            continue
        done.add(place)
        unit = seen.lasting[place[2]]
        if _differs(known[place], value, unit):
            yield Change(
                check=seen.check,
                target=seen.target,
                service=seen.service,
                what=place[2],
                before=known[place],
                after=value,
                unit=unit,
                since=seen_at.get(seen.check, ""),
                spans=seen.spans,
            )


def _lasting(observations: Iterable[Observation]) -> Iterator[tuple[Place, Value, Observation]]:
    for seen in observations:
        for name in seen.lasting:
            yield (seen.check, seen.target, name), seen.measured[name], seen


def _differs(before: Value, after: Value, unit: str) -> bool:
    if unit == "ms" and isinstance(before, int | float) and isinstance(after, int | float):
        return after > TIMES_SLOWER * before and after - before > LEAST_MILLISECONDS
    return _names(before) != _names(after) if unit == NAMES else before != after


def _names(value: Value) -> frozenset[str]:
    return frozenset(str(value or "").split())


def _shown(value: Value, unit: str) -> str:
    return f"{value} {unit}".strip() if value not in {None, ""} else "not set"
