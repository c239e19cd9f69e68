"""Maintenance windows at the desk: those that are open or open next, and those that were taken back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.recovery.models import MaintenanceWindow
from awe_incidents.recovery.queries import maintenance_windows
from awe_incidents.triage.access import person_of
from awe_incidents.triage.facts import Fact, address
from awe_incidents.triage.freezes import MAX_STANDING, StackFilter, stacks_to_choose
from awe_incidents.triage.turning import TurningAdmin, TurningForm
from awe_incidents.triage.window_steps import CLOSE, DECLARE, when

OPEN, LATER, CLOSED = "open now", "opens later", "closed"
Opening = tuple[MaintenanceWindow, str, str, datetime, datetime]  # state, when in the week, from, until


class MaintenanceWindowAdmin(TurningAdmin):
    """Times of the week in which what takes four eyes starts."""

    template: ClassVar = "triage/maintenance_window.html"
    list_template = "triage/maintenance_windows.html"
    filters = StackFilter
    steps: ClassVar = (CLOSE,)

    def visible(self, user: User) -> QuerySet[MaintenanceWindow]:
        """Give all of them: who sees any sees each."""
        return maintenance_windows().defer("stack__document", "stack__redaction_key")

    def for_list(self, rows: QuerySet[MaintenanceWindow], user: User) -> QuerySet[MaintenanceWindow]:
        """Turn the pages of closed ones only; the others stand above them."""
        return rows.exclude(closed_at=None)

    def lines(self, rows: list[Any], request: HttpRequest) -> list[Any]:
        """Give each with when it was open."""
        return [(row, when(row)) for row in rows]

    def beside(self, form: TurningForm, request: HttpRequest) -> Mapping[str, Any]:
        """Show what is open and what opens next, and where one is declared."""
        rows = self.visible(person_of(request)).filter(**form.columns())
        return {
            "declared": openings(rows, now=timezone.now()),
            "makes": DECLARE,
            "makeable": stacks_to_choose(form, DECLARE.name) if DECLARE.may(person_of(request)) else [],
        }

    def context(self, thing: MaintenanceWindow, request: HttpRequest) -> Mapping[str, Any]:
        """Show it."""
        now = timezone.now()
        since, until = thing.opening(now)
        facts = [
            Fact("State", state_of(thing, now=now), is_label=True),
            Fact("Stack", thing.stack.name, address(thing.stack)),
            Fact("Open", when(thing)),
            Fact("Declared by", thing.person.username),
            Fact("Declared", thing.declared_at),
        ]
        if thing.closed_by is None:
            facts += [Fact("Opens" if since > now else "Opened", since), Fact("Closes", until)]
        else:
            facts += [Fact("Closed by", thing.closed_by.username), Fact("Closed", thing.closed_at)]
        return {"facts": facts}


def openings(windows: QuerySet[MaintenanceWindow], *, now: datetime) -> list[Opening]:
    """Give the windows that are declared, each with its opening now or next, in the order of these."""
    declared = windows.filter(closed_at=None).order_by("pk")[:MAX_STANDING]
    rows = [(one, state_of(one, now=now), when(one), *one.opening(now)) for one in declared]
    return sorted(rows, key=lambda row: row[3])


def state_of(window: MaintenanceWindow, *, now: datetime) -> str:
    """Say in a word how it stands."""
    if window.closed_at is not None:
        return CLOSED
    return OPEN if window.opening(now)[0] <= now else LATER
