"""What the service suggests for an incident, as it is shown: the words, the cause behind them, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from awe_incidents.incidents.models import Incident, IncidentDiagnosis
from awe_incidents.incidents.states import ClassificationSource
from diagnostics.diagnosis.catalog import all_causes

CLASSIFIED = ("severity", "category")  # what is suggested and what people say


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the likeliest cause that a run found suggests; `how_to` is its page below docs/ with the `steps`."""

    run: int
    cause: str
    title: str
    sentence: str
    severity: str
    category: str
    actions: tuple[str, ...]  # recovery actions, by slug
    how_to: str
    steps: tuple[str, ...]
    suggested_at: datetime
    differs: bool  # from what the incident says
    is_accepted: bool  # a person says all of it

    @property
    def steps_at(self) -> str:
        """Give where the steps stand, also for each of its actions."""
        return f"{self.how_to}#what-to-do"


def suggestion_for(incident: Incident) -> Suggestion | None:
    """Give what the service suggests for an incident; None while no run has found a cause."""
    found: IncidentDiagnosis | None = getattr(incident, "diagnosis", None)  # a related row that may be missing
    if found is None or not found.cause or found.run_id is None or found.suggested_at is None:
        return None
    cause = all_causes().get(found.cause)  # a kept one may be of another version of the code
    suggested = {name: getattr(found, name) for name in CLASSIFIED}
    differs = any(getattr(incident, name) != word for name, word in suggested.items())
    return Suggestion(
        run=found.run_id,
        cause=found.cause,
        title=cause.title if cause else found.cause,
        sentence=found.sentence,
        actions=tuple(found.actions),
        how_to=f"causes/{found.cause}.md",
        steps=cause.remedy if cause else (),
        suggested_at=found.suggested_at,
        differs=differs,
        is_accepted=not differs
        and all(source == ClassificationSource.PERSON for source in sources_of(incident).values()),
        **suggested,
    )


def sources_of(incident: Incident) -> Mapping[str, str]:
    """Give who said what an incident is: what the service has not said is a person's, also from before sources."""
    return {name: _source(getattr(incident, name), getattr(incident, f"{name}_source")) for name in CLASSIFIED}


def _source(word: str, source: str) -> str:
    return source or (ClassificationSource.PERSON if word else "")
