"""Freezes at the desk: those that hold now, those to come, and past ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest

from awe_incidents.accounts.models import User
from awe_incidents.recovery.models import Execution, Freeze
from awe_incidents.recovery.queries import standing_freezes
from awe_incidents.recovery.states import ExecutionState, Standing
from awe_incidents.triage.access import person_of
from awe_incidents.triage.facts import Fact, address
from awe_incidents.triage.fields import text_field
from awe_incidents.triage.freeze_steps import FREEZE, HOLDS, LIFT
from awe_incidents.triage.turning import TurningAdmin, TurningForm
from diagnostics.models import Stack

MAX_STANDING = 200  # that hold now or come
MAX_WAITING = 50
MAX_STACKS = 30
_PAST = (Standing.OVER, Standing.LIFTED)


class StackFilter(TurningForm):
    """Of which stack."""

    stack = text_field(label="Stack", required=False, max_length=63)

    def columns(self) -> Mapping[str, Any]:
        """Give what rows are filtered by."""
        return {f"{name}__name": value for name, value in super().columns().items()}


class FreezeAdmin(TurningAdmin):
    """Times in which nothing starts."""

    template: ClassVar = "triage/freeze.html"
    list_template = "triage/freezes.html"
    filters = StackFilter
    steps: ClassVar = (LIFT,)

    def visible(self, user: User) -> QuerySet[Any]:
        """Give all of them: who sees any sees each."""
        return standing_freezes().defer("stack__document", "stack__redaction_key")

    def for_list(self, rows: QuerySet[Any], user: User) -> QuerySet[Any]:
        """Turn the pages of past ones only; the others stand above them."""
        return rows.filter(standing__in=_PAST)

    def lines(self, rows: list[Any], request: HttpRequest) -> list[Any]:
        """Give each with what it holds."""
        return with_held(rows)

    def beside(self, form: TurningForm, request: HttpRequest) -> Mapping[str, Any]:
        """Show what holds now and what comes, and where one is set."""
        rows = self.visible(person_of(request)).filter(**form.columns())
        return {
            "now": with_held(first_standing(rows, Standing.NOW)),
            "coming": with_held(first_standing(rows, Standing.COMING)),
            "makes": FREEZE,
            "makeable": stacks_to_choose(form, FREEZE.name) if FREEZE.may(person_of(request)) else [],
        }

    def context(self, thing: Any, request: HttpRequest) -> Mapping[str, Any]:
        """Show it, and what waits for it now."""
        facts = [
            Fact("State", thing.standing, is_label=True),
            Fact("Stack", thing.stack.name, address(thing.stack)),
            Fact("Holds", HOLDS[thing.from_tier]),
            Fact("From", thing.starts_at),
            Fact("Until", thing.ends_at),
            Fact("Set by", thing.person.username),
            Fact("Set", thing.set_at),
        ]
        if thing.lifted_by is not None:
            facts += [Fact("Lifted by", thing.lifted_by.username), Fact("Lifted", thing.lifted_at)]
        holds = thing.standing == Standing.NOW
        return {"facts": facts, "holds": holds, "waiting": _waiting(thing) if holds else []}


def first_standing(rows: QuerySet[Any], *standings: Standing) -> QuerySet[Any]:
    """Give the freezes that stand so, in the order in which they begin."""
    return rows.filter(standing__in=standings).order_by("starts_at", "pk")[:MAX_STANDING]


def with_held(rows: Iterable[Freeze]) -> list[tuple[Freeze, str]]:
    """Give freezes, each with what it holds, in words."""
    return [(row, HOLDS[row.from_tier]) for row in rows]


def stacks_to_choose(form: TurningForm, part: str) -> list[tuple[str, str]]:
    """Give the stacks that a list is about, by name, with the addresses of a step on each."""
    wanted = form.cleaned_data["stack"]
    stacks = Stack.objects.only("name").order_by("name")
    found = stacks.filter(name=wanted) if wanted else stacks
    return [(stack.name, address(stack, part=part)) for stack in found[:MAX_STACKS]]


def _waiting(freeze: Freeze) -> list[Execution]:
    """Give what is approved and waits for a freeze; what went past an approval does not."""
    held = Execution.objects.filter(
        state=ExecutionState.QUEUED,
        request__stack=freeze.stack_id,
        request__tier__gte=freeze.from_tier,
        request__review=None,
    )
    rows = held.select_related("request__stack").defer("request__stack__document", "request__stack__redaction_key")
    return list(rows.order_by("pk")[:MAX_WAITING])
