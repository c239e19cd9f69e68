"""Alarms of reconciliation at the desk: those that somebody should look into with their evidence, and settled ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest

from awe_incidents.accounts.models import User
from awe_incidents.audit import canonical
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import Incident
from awe_incidents.reconciliation import policies
from awe_incidents.reconciliation.errors import ReconciliationError
from awe_incidents.reconciliation.models import Alarm
from awe_incidents.reconciliation.operations import settle_alarm
from awe_incidents.reconciliation.queries import alarms, by_hand_around, events_of, executions_around
from awe_incidents.reconciliation.states import AlarmKind
from awe_incidents.recovery.errors import RecoveryError
from awe_incidents.triage.access import person_of
from awe_incidents.triage.facts import Fact, address
from awe_incidents.triage.fields import choice_field, text_field
from awe_incidents.triage.manual_steps import RECORD_MANUAL_ACTION
from awe_incidents.triage.recovery_forms import MAX_REASON
from awe_incidents.triage.recovery_steps import may_decide
from awe_incidents.triage.steps import Asked, DecisionForm, Step
from awe_incidents.triage.tiles import MAX_COUNTED, Tile
from awe_incidents.triage.turning import TurningAdmin, TurningForm

MAX_OPEN = 200
MAX_EVENTS = 200
MAX_AROUND = 20
OPEN, SETTLED = "open", "settled"
KIND_WORDS: Mapping[str, str] = {
    AlarmKind.NOT_APPROVED: "executed, never approved",
    AlarmKind.NOT_EXECUTED: "approved, never executed",
    AlarmKind.NOT_LOOKED_AT: "a span could not be looked at",
    AlarmKind.ENGINE_SILENT: "the engine is silent",
}


class AlarmFilter(TurningForm):
    """What the list can be narrowed down to."""

    kind = choice_field(label="What it says", choices=[("", "any"), *KIND_WORDS.items()], required=False)
    stack = text_field(label="Stack", required=False, max_length=63)

    def columns(self) -> Mapping[str, Any]:
        """Give what rows are filtered by."""
        names = {"stack": "stack__name"}
        return {names.get(name, name): value for name, value in super().columns().items()}


class SettlingForm(DecisionForm):
    """Asks what was found."""

    because = text_field(label="What you found, and why that is the end of it", rows=4, max_length=MAX_REASON)

    @property
    def says(self) -> str:
        """Give what the alarm says."""
        says: str = self.thing.says
        return says


def _why_not(thing: Any, user: User) -> str:
    if thing.settled_at is not None:
        return f"alarm {thing.pk} is settled"
    try:
        policies.check_may_settle(user, thing)
    except (ReconciliationError, RecoveryError) as refusal:
        return str(refusal)
    return ""


def _settle(asked: Asked) -> str:
    settle_alarm(alarm_id=asked.thing.pk, user=asked.user, by=asked.by, at=asked.at, **asked.fields)
    return f"Alarm {asked.thing.pk} is settled."


SETTLE = Step(
    name="settle",
    title="Settle",
    explanation="Says that you looked into it and why that is the end of it. What somebody did by hand is recorded as"
    " that instead, which settles the alarm, too.",
    form=SettlingForm,
    may=may_decide,
    is_offered=lambda alarm: alarm.settled_at is None,
    why_not=_why_not,
    carry_out=_settle,
)


class AlarmAdmin(TurningAdmin):
    """What engines and executions say of each other, where they differ."""

    template: ClassVar = "triage/alarm.html"
    list_template = "triage/alarms.html"
    filters = AlarmFilter
    steps: ClassVar = (SETTLE,)

    def visible(self, user: User) -> QuerySet[Alarm]:
        """Give all of them: who sees any sees each."""
        return alarms().defer("stack__document", "stack__redaction_key")

    def for_list(self, rows: QuerySet[Alarm], user: User) -> QuerySet[Alarm]:
        """Turn the pages of settled ones only; the open ones stand above them."""
        return rows.exclude(settled_at=None)

    def lines(self, rows: list[Any], request: HttpRequest) -> list[Any]:
        """Give each with what it says in short."""
        return with_words(rows)

    def beside(self, form: TurningForm, request: HttpRequest) -> Mapping[str, Any]:
        """Show the open ones, oldest first."""
        rows = self.visible(person_of(request)).filter(**form.columns(), settled_at=None)
        return {"open": with_words(list(rows.order_by("pk")[:MAX_OPEN]))}

    def context(self, thing: Alarm, request: HttpRequest) -> Mapping[str, Any]:
        """Show it with its evidence."""
        user = person_of(request)
        events = list(events_of(thing).order_by("at", "pk")[: MAX_EVENTS + 1])
        may_record = thing.settled_at is None and RECORD_MANUAL_ACTION.may(user)
        return {
            "kind_words": KIND_WORDS[thing.kind],
            "facts": _facts(thing),
            "events": events[:MAX_EVENTS],
            "has_more": len(events) > MAX_EVENTS,
            "executions": list(executions_around(thing)[:MAX_AROUND]),
            "manual": list(by_hand_around(thing).defer("commands", "output")[:MAX_AROUND]),
            "why_not": _why_not(thing, user) if thing.settled_at is None else "",
            "record_url": address(thing.stack, part=RECORD_MANUAL_ACTION.name) if may_record else "",
            "is_stray": thing.kind == AlarmKind.NOT_APPROVED,
        }


def with_words(rows: list[Alarm]) -> list[tuple[Alarm, str]]:
    """Give alarms, each with what it says in short."""
    return [(row, KIND_WORDS[row.kind]) for row in rows]


def alarm_tile(href: str) -> Tile:
    """Give the figure for the overview."""
    return Tile("alarms", Alarm.objects.filter(settled_at=None)[:MAX_COUNTED].count(), href, "alarm")


def _facts(alarm: Alarm) -> list[Fact]:
    facts = [
        Fact("State", SETTLED if alarm.settled_at else OPEN, is_label=True),
        Fact("Stack", alarm.stack.name, address(alarm.stack)),
        Fact("From", alarm.first_at),
        Fact("Until", alarm.last_at),
        Fact("Raised", alarm.raised_at),
    ]
    if alarm.request is not None:
        facts.append(Fact("Request", f"{alarm.request.action}, request {alarm.request.pk}", address(alarm.request)))
    facts += [Fact("Told to incident", f"#{number}", address(Incident, number)) for number in _told(alarm)]
    if alarm.settled_at is not None:
        who = alarm.settler.username if alarm.settler else "the service"
        facts += [Fact("Settled by", who), Fact("Settled", alarm.settled_at)]
    if alarm.settled_by is not None:
        facts.append(Fact("Explained by", str(alarm.settled_by), address(alarm.settled_by)))
    return facts


def _told(alarm: Alarm) -> list[int]:
    """Give the incidents in whose histories it stands, as its entry in the trail has them."""
    raised = Entry.objects.filter(subject_type="alarm", subject_id=str(alarm.pk), verb="alarm:raised").first()
    return list(canonical.parse(bytes(raised.body))["data"]["incidents"]) if raised else []
