"""Which words of a shared incident who may read: reporters of the same problem learn nothing of each other."""

from __future__ import annotations

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import sees_everything
from awe_incidents.incidents.models import Incident, TimelineEntry
from awe_incidents.incidents.states import IncidentState

NEUTRAL_TITLE = "Incident "  # and its number: nobody's words
SOMEBODY = "user:somebody"
_STEPS_OF_TRIAGE = frozenset({*IncidentState, "classified"})


def title_for(incident: Incident, user: User) -> str:
    """Give the title as a person may read it: it is made of the words of whose report opened the incident.

    Those who see everything read it, and so does that person; others who reported the same get a neutral one. Where the
    service opened the incident the title is nobody's words: it says what a run found, which they may read as well.
    """
    if sees_everything(user.roles) or incident.opened_by_id in (None, user.pk):
        return incident.title
    return f"{NEUTRAL_TITLE}{incident.pk}"


def actor_for(entry: TimelineEntry, user: User) -> str:
    """Give who is behind a line as a person may read it: a reporter does not learn who else reported the same.

    Services, the reporter's own name, and who took a step of triage are no secret.
    """
    is_open = sees_everything(user.roles) or entry.actor == f"user:{user.username}"
    is_open = is_open or not entry.actor.startswith("user:") or entry.kind in _STEPS_OF_TRIAGE
    return entry.actor if is_open else SOMEBODY
