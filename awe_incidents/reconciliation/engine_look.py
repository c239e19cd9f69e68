"""Look at an engine's events, apart from the database: what it still knows, and what it lost."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from awe_incidents.reconciliation.happenings import ContainerFacts, Happening, happenings
from awe_incidents.reconciliation.judging import JUDGED
from diagnostics.probes.clocks import reading
from diagnostics.probes.engine import ReadOnlyEngine, opened
from diagnostics.probes.engine_events import EngineEvent
from diagnostics.probes.engine_failures import EngineFailure
from diagnostics.stack import Engine, StackConfig

CALL_SECONDS = 5.0
OVERLAP = timedelta(seconds=2)  # an engine may note an event after another one that it dates later
KEPT_BY_ENGINE = 256  # events (moby: daemon/events, eventsLimit)
EVER = timedelta(days=3650)
MAX_REMEMBERED = 500  # containers that are gone, whose last events may come yet


@dataclass(frozen=True, slots=True)
class Place:
    """Up to where an engine was looked at, by its own clock."""

    began_at: datetime  # nothing before it is judged
    looked_until: datetime
    mark_at: datetime
    mark: str = ""  # key of the newest event then; "" where it had none


@dataclass(frozen=True, slots=True)
class Blind:
    """A span of time, by our clock, of which the engine has no events any more."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen in one look."""

    place: Place
    happenings: tuple[Happening, ...] = ()
    containers: Mapping[str, ContainerFacts] | None = None
    blind: Blind | None = None
    offset: timedelta = timedelta()  # how far the engine's clock is ahead of ours


def look(config: StackConfig, described: Engine, place: Place | None, known: Mapping[str, ContainerFacts]) -> Looked:
    """Look at what happened since the last look; the first one only says where to begin.

    Raises: CouldNotLook.
    """
    with opened(described, seconds=CALL_SECONDS, root=config.root) as engine:
        engine_now, offset = _clock(engine)
        since = min(place.mark_at, place.looked_until) - OVERLAP if place else engine_now - EVER
        events = engine.events(since=since, until=engine_now)
        if place is None:
            place = Place(engine_now, engine_now, engine_now)
            return Looked(_moved(place, events, engine_now, is_blind=False), offset=offset)
        fresh = [one for one in events if one.at > place.began_at]
        found = tuple(happenings(fresh, project=described.project, offset=offset))
        containers = _containers(engine, found, known)
    blind = _lost(place, events, engine_now, offset)
    return Looked(
        place=_moved(place, events, engine_now, is_blind=blind is not None),
        happenings=found,
        containers=containers,
        blind=blind,
        offset=offset,
    )


def _clock(engine: ReadOnlyEngine) -> tuple[datetime, timedelta]:
    """Give the engine's time, and how far it is ahead of ours as far as the round trip does not explain it."""
    asked_at = time.time()
    said = str(engine.info().get("SystemTime", ""))
    answered_at = time.time()
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        raise EngineFailure("engine.protocol", f"the engine gives {said[:40]!r} as its time") from None
    at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    found = reading(at.timestamp(), asked_at=asked_at, answered_at=answered_at)
    return at, timedelta(seconds=found.ahead_seconds if found.certain_seconds else 0.0)


def _moved(place: Place, events: list[EngineEvent], until: datetime, *, is_blind: bool) -> Place:
    if not events:
        unmarked = replace(place, mark="", mark_at=until) if is_blind else place
        return replace(unmarked, looked_until=until)
    newest = max(events, key=lambda one: one.nanoseconds)
    return replace(place, looked_until=until, mark=newest.key, mark_at=newest.at)


def _lost(place: Place, events: list[EngineEvent], until: datetime, offset: timedelta) -> Blind | None:
    """Say what the engine forgot: all up to its oldest event, where the last one that we know is not among them."""
    is_whole = place.mark in {one.key for one in events} if place.mark else len(events) < KEPT_BY_ENGINE
    if is_whole:
        return None
    oldest = min((one.at for one in events), default=until)
    return Blind(place.looked_until - offset, max(oldest, place.looked_until) - offset)


def _containers(
    engine: ReadOnlyEngine, found: tuple[Happening, ...], known: Mapping[str, ContainerFacts]
) -> dict[str, ContainerFacts]:
    """Give what is known of containers, and ask where one is new or was changed."""
    judged = [one for one in found if one.action in JUDGED and one.execution_id is None]
    if not any(one.container not in known or one.action == "update" for one in judged):
        return dict(known)
    now = {one.id: ContainerFacts.of(one.service, one.attributes) for one in engine.containers()}
    gone = {name: facts for name, facts in known.items() if name not in now}
    return dict(list(gone.items())[-MAX_REMEMBERED:]) | now
