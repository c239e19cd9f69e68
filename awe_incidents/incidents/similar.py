"""Similar incidents of the past: the same likeliest cause, the same known log lines, and how they were resolved.

However many incidents there are, each walk along an index ends after some hundred: the newest of a cause and of each
known line, on the incident's own stack and on all. These are compared (`similarity`); the best are shown, of equals
those that were resolved, then those of the same stack, then the newest. Reporters' own incidents are compared instead,
so nothing that they may not see has a part in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import sees_everything
from awe_incidents.incidents.disclosure import actor_for
from awe_incidents.incidents.models import Incident, IncidentDiagnosis, IncidentWords, TimelineEntry
from awe_incidents.incidents.queries import visible_incidents, with_titles
from awe_incidents.incidents.similarity import Similarity, Traits, similarity
from awe_incidents.incidents.states import WAITING, IncidentState
from awe_incidents.monthly import made_since

MAX_SIMILAR = 10
WALKED = 200  # newest incidents of a cause, and of a known line, that are looked at
MAX_OWN = 1000  # newest incidents of a reporter that are looked at

# Every walk has an index in its own order, so that none of them depends on how often a cause or a line is there.
_NEWEST = "ORDER BY opened_at DESC, incident_id DESC LIMIT %(walked)s"
_CANDIDATES = f"""
WITH same_cause AS (
  (SELECT incident_id FROM incidents_incidentdiagnosis
   WHERE stack_id = %(stack)s AND cause = %(cause)s AND cause <> '' {_NEWEST})
  UNION
  (SELECT incident_id FROM incidents_incidentdiagnosis WHERE cause = %(cause)s AND cause <> '' {_NEWEST})
), same_line AS (
  SELECT found.incident_id, found.opened_at
  FROM unnest(%(signatures)s::text[]) AS line(signature) CROSS JOIN LATERAL (
    (SELECT incident_id, opened_at FROM incidents_incidentsignature
     WHERE stack_id = %(stack)s AND signature = line.signature {_NEWEST})
    UNION
    (SELECT incident_id, opened_at FROM incidents_incidentsignature WHERE signature = line.signature {_NEWEST})
  ) AS found
), most_lines AS (
  SELECT incident_id FROM same_line GROUP BY incident_id
  ORDER BY count(*) DESC, max(opened_at) DESC, incident_id DESC LIMIT %(walked)s
)
SELECT incident_id FROM same_cause UNION SELECT incident_id FROM most_lines
"""  # noqa: S608  the text is ours


@dataclass(frozen=True, slots=True)
class Resolution:
    """How an incident was resolved the last time, as a person may read it."""

    because: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Similar:
    """An incident that is similar to another one, and why; `incident` bears its `shown_title`."""

    incident: Incident
    cause: str
    similarity: Similarity
    same_stack: bool
    resolution: Resolution | None  # None while it waits for somebody


@dataclass(frozen=True, slots=True)
class _Compared:
    """A candidate with what it is ranked by."""

    incident_id: int
    cause: str
    similarity: Similarity
    same_stack: bool
    is_waiting: bool
    opened_at: datetime

    @property
    def rank(self) -> tuple[float, bool, bool, float, int]:
        age = -self.opened_at.timestamp()
        return (-self.similarity.score, self.is_waiting, not self.same_stack, age, -self.incident_id)


def traits_of(incident: Incident) -> Traits:
    """Give what an incident is compared by; nothing while no run has found anything."""
    found: IncidentDiagnosis | None = getattr(incident, "diagnosis", None)  # a related row that may be missing
    return Traits(found.cause, found.subject, frozenset(found.signatures)) if found else Traits()


def similar_incidents(incident: Incident, user: User, *, limit: int = MAX_SIMILAR) -> list[Similar]:
    """Give other incidents that a person may see and that are similar to this one, the most similar first."""
    traits = traits_of(incident)
    if not traits.cause and not traits.signatures:
        return []
    candidates = _candidates(incident, traits) if sees_everything(user.roles) else _own(user)
    best = sorted(_compared(incident, traits, candidates), key=lambda one: one.rank)[:limit]
    shown = with_titles(visible_incidents(user), user).in_bulk([one.incident_id for one in best])
    resolutions = _resolutions(shown.values(), user)
    return [
        Similar(shown[one.incident_id], one.cause, one.similarity, one.same_stack, resolutions.get(one.incident_id))
        for one in best
        if one.incident_id in shown
    ]


def _candidates(incident: Incident, traits: Traits) -> Sequence[int]:
    asked: dict[str, Any] = {
        "stack": incident.stack_id,
        "cause": traits.cause,
        "signatures": sorted(traits.signatures),
        "walked": WALKED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CANDIDATES, asked)
        return [number for (number,) in cursor.fetchall()]


def _own(user: User) -> Sequence[int]:
    words = IncidentWords.objects.filter(person=user).order_by("-opened_at", "-incident_id")
    return list(words.values_list("incident_id", flat=True)[:MAX_OWN])


def _compared(incident: Incident, traits: Traits, candidates: Sequence[int]) -> Iterable[_Compared]:
    rows = IncidentDiagnosis.objects.filter(incident__in=candidates).exclude(incident=incident)
    columns = ("incident_id", "stack_id", "opened_at", "cause", "subject", "signatures", "incident__state")
    for number, stack_id, opened_at, cause, subject, signatures, state in rows.values_list(*columns):
        found = similarity(traits, Traits(cause, subject, frozenset(signatures)))
        if found.score:
            yield _Compared(number, cause, found, stack_id == incident.stack_id, state in WAITING, opened_at)


def _resolutions(incidents: Iterable[Incident], user: User) -> Mapping[int, Resolution]:
    """Give the last resolution of those that are resolved: the reason that its step of triage was given."""
    settled = [one for one in incidents if one.state not in WAITING]
    if not settled:
        return {}
    entries = TimelineEntry.objects.filter(
        made_since(min(one.opened_at for one in settled)), incident__in=settled, kind=IncidentState.RESOLVED
    )
    return {
        entry.incident_id: Resolution(entry.text, actor_for(entry, user), entry.occurred_at)
        for entry in entries.order_by("occurred_at", "id")
    }
