"""Stacks at the desk: the description as it was applied, which refers to secrets and holds none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.queries import watch_of
from awe_incidents.recovery.models import Freeze, MaintenanceWindow, ManualAction, RecoveryRequest
from awe_incidents.recovery.queries import maintenance_windows, standing_freezes
from awe_incidents.recovery.states import Standing
from awe_incidents.triage.access import person_of
from awe_incidents.triage.base import DeskAdmin, display, time_column
from awe_incidents.triage.facts import Fact, address, flattened, list_address
from awe_incidents.triage.freeze_steps import FREEZE
from awe_incidents.triage.freezes import first_standing, with_held
from awe_incidents.triage.labels import KINDS, moment, outcome
from awe_incidents.triage.maintenance_windows import openings
from awe_incidents.triage.manual_steps import RECORD_MANUAL_ACTION
from awe_incidents.triage.recovery_asking import ask_address, asking_page
from awe_incidents.triage.recovery_steps import may_ask
from awe_incidents.triage.results import shown_run
from awe_incidents.triage.token_steps import TOKEN_STEPS
from awe_incidents.triage.window_steps import DECLARE
from diagnostics.models import Run, Stack, StackSchedule, StackSecret
from diagnostics.queries import runs_of


class StackAdmin(DeskAdmin):
    """Deployments under care."""

    template = "triage/stack.html"
    list_display = (
        "name",
        "environment_label",
        "vantage",
        time_column("applied_at", description="Applied"),
        "last_run",
    )
    list_filter = ("environment",)
    ordering = ("name",)
    steps: ClassVar = (*TOKEN_STEPS, RECORD_MANUAL_ACTION, FREEZE, DECLARE)

    def for_list(self, rows: QuerySet[Stack], user: User) -> QuerySet[Stack]:
        """Add the last run."""
        last = Run.objects.filter(stack=OuterRef("pk")).order_by("-pk")
        return rows.annotate(
            last_run_state=Subquery(last.values("state")[:1]), last_run_counts=Subquery(last.values("counts")[:1])
        )

    @display(description="Environment", label=KINDS)
    def environment_label(self, stack: Stack) -> str:
        """Show the environment in its color."""
        return stack.environment

    @display(description="Vantage")
    def vantage(self, stack: Stack) -> str:
        """Show from where its checks look."""
        return str(stack.document.get("vantage", ""))

    @display(description="Last run", label=KINDS)
    def last_run(self, stack: Any) -> tuple[str, str] | None:
        """Show what the last run found."""
        return outcome(stack.last_run_state, stack.last_run_counts) if stack.last_run_state else None

    def pages(self) -> Sequence[tuple[str, Callable[..., HttpResponse]]]:
        """Give where recovery is asked for."""
        return [asking_page(self)]

    def context(self, thing: Stack, request: HttpRequest) -> Mapping[str, Any]:
        """Show the description, which secrets are stored, and the last run."""
        run = runs_of(thing).select_related("stack").defer("document").first()
        return {
            "facts": [
                Fact("Environment", thing.environment, is_label=True),
                Fact("Applied", thing.applied_at),
                Fact("Digest of the description", thing.digest),
                Fact("Last run", str(run) if run else "", address(run) if run else ""),
                *_schedule_facts(thing),
                Fact("Incidents", "list", list_address(Incident, f"stack__id__exact={thing.pk}")),
                Fact("Recovery", "requests", list_address(RecoveryRequest, urlencode({"stack": thing.name}))),
                Fact("Done by hand", "list", list_address(ManualAction, urlencode({"stack": thing.name}))),
            ],
            "description": list(flattened(thing.document)),
            "secrets": list(StackSecret.objects.filter(stack=thing).order_by("name").values_list("name", "set_at")),
            "latest": shown_run(run) if run else None,
            "ask_url": ask_address(thing) if may_ask(person_of(request)) else "",
            **_times(thing),
        }


def _times(stack: Stack) -> dict[str, Any]:
    """Give when things may start on a stack."""
    of_this = urlencode({"stack": stack.name})
    freezes = first_standing(standing_freezes().filter(stack=stack), Standing.NOW, Standing.COMING)
    return {
        "freezes": with_held(freezes),
        "windows": openings(maintenance_windows().filter(stack=stack), now=timezone.now()),
        "freezes_url": list_address(Freeze, of_this),
        "windows_url": list_address(MaintenanceWindow, of_this),
    }


def _schedule_facts(stack: Stack) -> list[Fact]:
    """Give when the stack is looked at by the clock, and what that says of it."""
    schedule = StackSchedule.objects.filter(stack=stack).select_related("stack__watch__incident").first()
    if schedule is None:
        return [Fact("Schedule", "none: nothing looks by itself")]
    facts = [
        Fact("Schedule", f"suite {schedule.suite}, every {schedule.every_minutes} min"),
        Fact("Next run due", moment(schedule.due_at)),
    ]
    watch = watch_of(schedule)
    if watch is None:
        return [*facts, Fact("Health", "not looked at yet")]
    facts += [Fact("Health", watch.state, is_label=True), Fact("Since", watch.since)]
    told = watch.incident
    return [*facts, Fact("Told to incident", f"#{told.pk} {told.title}", address(told))] if told else facts
