"""Stacks at the desk: the description as it was applied, which refers to secrets and holds none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import Incident
from awe_incidents.triage.base import DeskAdmin, display, time_column
from awe_incidents.triage.facts import Fact, address, list_address
from awe_incidents.triage.labels import KINDS, outcome
from awe_incidents.triage.results import shown_run
from awe_incidents.triage.token_steps import TOKEN_STEPS
from diagnostics.models import Run, Stack, StackSecret
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
    steps: ClassVar = TOKEN_STEPS

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

    def context(self, thing: Stack, request: HttpRequest) -> Mapping[str, Any]:
        """Show the description, which secrets are stored, and the last run."""
        run = runs_of(thing).select_related("stack").defer("document").first()
        return {
            "facts": [
                Fact("Environment", thing.environment, is_label=True),
                Fact("Applied", thing.applied_at),
                Fact("Digest of the description", thing.digest),
                Fact("Last run", str(run) if run else "", address(run) if run else ""),
                Fact("Incidents", "list", list_address(Incident, f"stack__id__exact={thing.pk}")),
            ],
            "description": list(flattened(thing.document)),
            "secrets": list(StackSecret.objects.filter(stack=thing).order_by("name").values_list("name", "set_at")),
            "latest": shown_run(run) if run else None,
        }


def flattened(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Give a description as dotted keys and values."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from flattened(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list) and any(isinstance(inner, Mapping | list) for inner in value):
        for index, inner in enumerate(value):
            yield from flattened(inner, f"{key}[{index}]")
    elif isinstance(value, list):
        yield key, ", ".join(str(inner) for inner in value)
    else:
        yield key, str(value)
