"""Find the open incident of a stack that a new report resembles, and decide so that no duplicate is opened.

Who opens an incident holds the stack's filing lock until the end of the transaction; who joins one needs no lock of
the stack, only a share of the incident's row, so that it stays open until the report is in. Who waits for the filing
lock holds such a share at most, which is all that who has the lock ever waits for, so nobody waits in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from django.db import connection, models

from awe_incidents.incidents import vectors
from awe_incidents.incidents.likeness import THRESHOLD, Likeness, Profile, likeness
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.states import WAITING
from awe_incidents.rows import next_ids, reserve_ids
from diagnostics.models import Run, Stack
from diagnostics.states import RunState

FILING_LOCK = 20_501  # first half of the advisory lock's key, the stack is the second
MAX_NEWEST = 100  # newest open incidents of a stack that are looked through, however many there are
MAX_TELLING = 50  # more of them, by the index, that share a line or two telling words
MAX_COMPARED = 20  # of all these, the best by PostgreSQL's rank

_WAITING_RUN = """
  SELECT CASE WHEN run.state = %(queued)s AND run.suite = %(suite)s THEN run.id END
  FROM incidents_incidentrun AS link JOIN diagnostics_run AS run ON run.id = link.run_id
  WHERE link.incident_id = incident.id ORDER BY link.run_id DESC LIMIT 1
"""
# The one that PostgreSQL ranks first is held at once: mostly it is the one, and asking for it again would take a
# message of its own.
_CANDIDATES = f"""
WITH newest AS (
  SELECT incident_id, words FROM incidents_incidentwords
  WHERE is_lead AND stack_id = %(stack)s ORDER BY incident_id DESC LIMIT %(max_newest)s
), telling AS (
  SELECT incident_id, words FROM incidents_incidentwords
  WHERE is_lead AND words @@ %(telling)s::tsquery LIMIT %(max_telling)s
), found AS (
  SELECT DISTINCT ON (incident_id) incident_id, words
  FROM (SELECT * FROM newest WHERE words @@ %(any)s::tsquery UNION ALL SELECT * FROM telling) AS either
), best AS (
  SELECT incident_id, words, row_number() OVER (
    ORDER BY ts_rank('{{0, 0.5, 0.5, 1}}', words, %(any)s::tsquery) DESC, incident_id
  ) AS place
  FROM found ORDER BY place LIMIT %(max_compared)s
), held AS (
  SELECT id, opened_at FROM incidents_incident
  WHERE id = (SELECT incident_id FROM best WHERE place = 1) AND state = ANY(%(waiting)s) FOR SHARE
)
SELECT incident_id, tsvector_to_array(ts_filter(words, '{{a}}')), tsvector_to_array(ts_filter(words, '{{b}}')),
  tsvector_to_array(ts_filter(words, '{{c}}')), incident.opened_at, ({_WAITING_RUN})
FROM best LEFT JOIN held AS incident ON incident.id = incident_id
"""  # noqa: S608  the text is ours
_HOLD = f"""
SELECT opened_at, ({_WAITING_RUN})
FROM incidents_incident AS incident WHERE id = %(incident)s AND state = ANY(%(waiting)s) FOR SHARE OF incident
"""  # noqa: S608  the text is ours


@dataclass(frozen=True, slots=True)
class Joining:
    """Which incident a report joins and why, and the run of it that waits in line, if its last one does."""

    incident: Incident  # its id and `opened_at`; all else is read where it is asked for
    likeness: Likeness
    waiting: Run | None


def reserve_and_decide(
    *kinds: type[models.Model], stack: Stack, profile: Profile, suite: str
) -> tuple[list[int], Joining | None]:
    """Reserve ids for a report's rows and say which incident it joins; None when it has to open one."""
    if not profile.told:
        return reserve_ids(*kinds), None
    reserving = next_ids(*kinds, beside=f"pg_try_advisory_xact_lock({FILING_LOCK}, {stack.pk:d})")
    asked = _asked(stack, profile, suite)
    with connection.cursor() as cursor:
        looking = cursor.mogrify(_CANDIDATES, asked)
        cursor.execute(f"{reserving}; {looking}")  # in one message: most of their time is the way there and back
        has_lock, *ids = cursor.fetchall()[0]
        cursor.nextset()
        found = _first_held(cursor.fetchall(), profile, asked)
        if found is None and not has_lock:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [FILING_LOCK, stack.pk])
            cursor.execute(looking)  # on what was opened meanwhile, too
            found = _first_held(cursor.fetchall(), profile, asked)
    return ids, found


def _first_held(candidates: Sequence[Sequence[Any]], profile: Profile, asked: Mapping[str, Any]) -> Joining | None:
    """Keep the incident that resembles most, of equals the oldest, of those that resemble enough and are still open.

    One that says the very same goes before all others; in a storm of the same report nothing else is compared.
    """
    read = [
        (incident_id, vectors.profile_of_arrays(*arrays), (opened_at, run_id) if opened_at else None)
        for incident_id, *arrays, opened_at, run_id in candidates
    ]
    itself = likeness(profile, profile)  # what says common words only does not even resemble itself
    same = sorted(one[0] for one in read if one[1] == profile) if itself.score >= THRESHOLD else []
    others = (one for one in read if one[1] != profile)
    held_already = {incident_id: held for incident_id, _, held in read}
    for incident_id, alike in chain(((one, itself) for one in same), _most_alike(others, profile)):
        if held := held_already[incident_id] or _hold(incident_id, asked):
            return _joining(incident_id, alike, *held)
    return None


def _most_alike(read: Iterable[tuple[int, Profile, object]], profile: Profile) -> Iterator[tuple[int, Likeness]]:
    compared = [(incident_id, likeness(profile, other)) for incident_id, other, _ in read]
    enough = [one for one in compared if one[1].score >= THRESHOLD]
    yield from sorted(enough, key=lambda one: (-one[1].score, one[0]))


def _asked(stack: Stack, profile: Profile, suite: str) -> dict[str, Any]:
    return {
        "stack": stack.pk,
        "any": vectors.query_of_any(profile),
        "telling": vectors.query_of_telling(profile, stack_id=stack.pk),
        "max_newest": MAX_NEWEST,
        "max_telling": MAX_TELLING,
        "max_compared": MAX_COMPARED,
        "waiting": list(WAITING),
        "suite": suite,
        "queued": RunState.QUEUED,
    }


def _hold(incident_id: int, asked: Mapping[str, Any]) -> tuple[datetime, int | None] | None:
    """Keep an incident from being closed until the end of the transaction; None when it was closed meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, {**asked, "incident": incident_id})
        row: tuple[datetime, int | None] | None = cursor.fetchone()
    return row


def _joining(incident_id: int, alike: Likeness, opened_at: datetime, run_id: int | None) -> Joining:
    incident = Incident.from_db(connection.alias, ["id", "opened_at"], [incident_id, opened_at])
    return Joining(incident, alike, Run.from_db(connection.alias, ["id"], [run_id]) if run_id else None)
