"""Recovery on the page of an incident: what its diagnosis recommends, what was asked for, and what was done by hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Scope, scopes_of
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.queries import visible_runs
from awe_incidents.incidents.suggestions import suggestion_for
from awe_incidents.recovery.actions import registry
from awe_incidents.recovery.actions.base import About, Action
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.recovery.queries import NOT_LISTED, requests
from awe_incidents.triage.diagnoses import shown_diagnosis
from awe_incidents.triage.facts import list_address
from awe_incidents.triage.manual_shown import (
    ShownManual,
    all_by_hand_address,
    done_by_hand,
    has_pending,
    version_of_manual,
)
from awe_incidents.triage.recovery_asking import ask_address
from awe_incidents.triage.recovery_shown import TIERS, Cited, cited_in, is_moving, standing
from awe_incidents.triage.recovery_steps import may_ask
from awe_incidents.triage.results import ShownRun
from diagnostics.errors import DescriptionOutdated
from diagnostics.queries import config_of
from diagnostics.stack import StackConfig

MAX_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Recommended:
    """An action that a cause recommends; `href` opens it filled in, and is empty where it cannot be asked for."""

    slug: str
    title: str
    tier_words: str
    cited: Cited
    href: str


class IncidentRecovery:
    """What one person reads of the recovery of one incident; each of it is read once."""

    def __init__(self, incident: Incident, user: User) -> None:
        self._incident, self._user = incident, user
        self._may_read = Scope.RECOVERY_READ in scopes_of(user.roles)

    def shown(self, latest: ShownRun | None) -> dict[str, Any]:
        """Give what the page shows, with the run that it shows, too; nothing to who may not read it."""
        if not self._may_read:
            return {}
        incident = self._incident
        return {
            "recovery": {
                "recommended": self._recommended(latest),
                "requests": [(row, standing(row)) for row in self._requests],
                "all_requests_url": list_address(RecoveryRequest, f"incident={incident.pk}"),
                "manual": self._manual,
                "all_manual_url": all_by_hand_address(incident.pk),
                "catalog_url": ask_address(incident) if may_ask(self._user) else "",
            }
        }

    @property
    def version(self) -> tuple[object, ...]:
        """Give what changes whenever what is shown does."""
        rows = [(row.pk, row.changed_at, standing(row)) for row in self._requests]
        return (*rows, *version_of_manual(self._manual))

    @property
    def is_going(self) -> bool:
        """Say whether a request, or a picture of what was done by hand, may change by itself."""
        return any(is_moving(row) for row in self._requests) or has_pending(self._manual)

    @cached_property
    def _requests(self) -> list[RecoveryRequest]:
        if not self._may_read:
            return []
        rows = requests().select_related("execution__recheck").filter(incident=self._incident)
        rows = rows.order_by("-pk").defer(*NOT_LISTED)
        return list(rows[:MAX_SHOWN])

    @cached_property
    def _manual(self) -> list[ShownManual]:
        return done_by_hand(self._incident.pk) if self._may_read else []

    def _recommended(self, latest: ShownRun | None) -> list[Recommended]:
        suggestion = suggestion_for(self._incident)
        if suggestion is None:
            return []
        if latest is not None and latest.run.pk == suggestion.run:
            cited = cited_in(latest.run, latest.diagnosis)
        else:
            run = visible_runs(self._user).filter(pk=suggestion.run).first()
            cited = cited_in(run, shown_diagnosis(run)) if run else []
        known, stack = registry.all_actions(), self._stack
        return [
            _one(known[slug], one, self._incident, stack, self._user)
            for one in cited
            for slug in one.cause["actions"]
            if slug in known  # what an earlier version recommended may have gone
        ]

    @property
    def _stack(self) -> StackConfig | None:
        try:
            return config_of(self._incident.stack)
        except DescriptionOutdated:  # planning says so
            return None


def _one(action: Action[Any], cited: Cited, incident: Incident, stack: StackConfig | None, user: User) -> Recommended:
    about = About(subject=cited.cause["subject"], service=cited.cause["service"])
    document = action.prefilled(stack, about) if stack else {}
    href = ask_address(incident, action.slug, document) if may_ask(user) else ""
    return Recommended(action.slug, action.title, TIERS[action.tier], cited, href)
