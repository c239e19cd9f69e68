"""The overview: what is open, what ran, what fails where. Every query is bounded and goes by an index."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, CharField, Count, Max, Model, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import TruncDate
from django.http import HttpRequest
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import sees_everything
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.queries import visible_incidents, visible_reports, visible_runs, with_titles
from awe_incidents.incidents.states import WAITING, IncidentState, Severity
from awe_incidents.triage.access import EVERYBODY, has_any_role, person_of
from awe_incidents.triage.facts import address, list_address
from awe_incidents.triage.recovery_waiting import waiting_tiles
from awe_incidents.triage.tiles import MAX_COUNTED, Tile
from diagnostics.models import CheckResult, Run, Stack
from diagnostics.states import RunState

MAX_PLOTTED = 100_000  # newest incidents that the plot counts
MAX_STACKS = 30
MAX_FAILURES = 5  # per stack
MAX_OWN = 1_000  # of a reporter's reports
MAX_NEWEST = 5
PLOT_DAYS = 30
RUN_HOURS = 24
_TICKS = {"color": "#9ca3af"}
PLOT_OPTIONS = {  # of Chart.js; whole numbers only
    "animation": False,
    "responsive": True,
    "maintainAspectRatio": False,
    "plugins": {"legend": {"display": False}},
    "scales": {
        "x": {"grid": {"display": False}, "ticks": _TICKS | {"maxTicksLimit": 10, "maxRotation": 0}},
        "y": {"beginAtZero": True, "suggestedMax": 4, "border": {"display": False}, "ticks": _TICKS | {"precision": 0}},
    },
}


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the overview shows to the context of the index page (the theme's DASHBOARD_CALLBACK)."""
    user, now = person_of(request), timezone.now()
    if not has_any_role(user, EVERYBODY):
        return context | {"has_no_role": True}
    incidents = _incidents(user)
    filled = context | {
        "waiting": [(state.value, _by_severity(incidents, state)) for state in WAITING],
        "max_plotted": MAX_PLOTTED,
        "plot": json.dumps(_plot(_incidents_per_day(user, now=now), now=now)),
        "plot_options": json.dumps(PLOT_OPTIONS),
        "plot_days": PLOT_DAYS,
        "run_outcomes": _run_outcomes(user, now=now),
        "run_hours": RUN_HOURS,
        "newest": list(_newest(with_titles(incidents, user))),
    }
    if not sees_everything(user.roles):
        return filled
    return filled | {"stacks": _failing_stacks(), "recovery": waiting_tiles()}


def _incidents(user: User) -> QuerySet[Incident]:
    """Give the visible incidents; for a reporter by way of the own reports, which are few and indexed."""
    incidents = visible_incidents(user)
    if sees_everything(user.roles):
        return incidents
    reports = visible_reports(user).order_by("-pk").values_list("incident_id", flat=True)[:MAX_OWN]
    return incidents.filter(pk__in=set(reports))


def _by_severity(incidents: QuerySet[Incident], state: IncidentState) -> list[Tile]:
    """Count by severity, each state by its own index."""
    newest = incidents.filter(state=state).order_by("-opened_at", "-pk")[:MAX_COUNTED]
    figures = {severity.value: Count("pk", filter=Q(severity=severity)) for severity in Severity}
    numbers = newest.aggregate(all=Count("pk"), **figures)
    tiles = [Tile("all", numbers.pop("all"), list_address(Incident, f"state__exact={state}"), state)]
    return tiles + [
        Tile(name, number, list_address(Incident, f"state__exact={state}&severity__exact={name}"), name)
        for name, number in numbers.items()
    ]


def _newest(incidents: QuerySet[Incident]) -> QuerySet[Incident]:
    waiting = incidents.filter(state__in=WAITING).order_by("-opened_at", "-pk")
    return waiting.defer("stack__document", "stack__redaction_key")[:MAX_NEWEST]


def newest_rows(model: type[Model], number: int) -> Q:
    """Narrow down to about the newest rows by primary key, so that what follows reads no more than these."""
    newest: int | None = model._default_manager.aggregate(newest=Max("pk"))["newest"]
    return Q(pk__gt=(newest or 0) - number)


def _incidents_per_day(user: User, *, now: datetime) -> Mapping[Any, int]:
    since = (now - timedelta(days=PLOT_DAYS - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = visible_incidents(user).filter(newest_rows(Incident, MAX_PLOTTED), opened_at__gte=since)
    days = rows.annotate(day=TruncDate("opened_at")).order_by().values("day").annotate(number=Count("pk"))
    return dict(days.values_list("day", "number"))


def _plot(numbers: Mapping[Any, int], *, now: datetime) -> dict[str, Any]:
    """Give the data of a bar chart (Chart.js) with every day of the span."""
    days = [(now - timedelta(days=back)).date() for back in range(PLOT_DAYS - 1, -1, -1)]
    bars = {
        "label": "Incidents opened",
        "data": [numbers.get(day, 0) for day in days],
        "backgroundColor": "var(--color-primary-600)",
        "borderRadius": 3,
        "maxBarThickness": 18,
    }
    return {"labels": [f"{day:%d %b}" for day in days], "datasets": [bars]}


def _run_outcomes(user: User, *, now: datetime) -> list[Tile]:
    """Count the runs of the last hours by outcome."""
    finished = Q(state=RunState.FINISHED)
    outcome = Case(
        When(~finished, then=Value("running")),
        *(When(finished & Q(counts__has_key=bad), then=Value(bad)) for bad in ("fail", "error", "warn")),
        default=Value("pass"),
        output_field=CharField(),
    )
    rows = visible_runs(user).filter(newest_rows(Run, MAX_COUNTED), requested_at__gte=now - timedelta(hours=RUN_HOURS))
    numbers = dict(
        rows.annotate(outcome=outcome).order_by().values("outcome").annotate(n=Count("pk")).values_list("outcome", "n")
    )
    return [
        Tile(name, numbers.get(name, 0), list_address(Run), name)
        for name in ("fail", "error", "warn", "pass", "running")
    ]


def _failing_stacks() -> list[dict[str, Any]]:
    """Give, per stack, what failed in its last finished run; stacks with failures first."""
    last = Run.objects.filter(stack=OuterRef("pk"), state=RunState.FINISHED).order_by("-pk")
    stacks = list(
        Stack.objects.only("name", "environment")
        .annotate(run_id=Subquery(last.values("pk")[:1]))
        .order_by("name")[:MAX_STACKS]
    )
    failures: dict[int, list[CheckResult]] = {}
    runs = [stack.run_id for stack in stacks if stack.run_id]
    for row in CheckResult.objects.filter(run_id__in=runs, state="fail").defer("findings").order_by("slug"):
        failures.setdefault(row.run_id, []).append(row)
    shown = [_stack_line(stack, failures.get(stack.run_id or 0, [])) for stack in stacks]
    return sorted(shown, key=lambda line: (not line["failures"], line["stack"].name))


def _stack_line(stack: Any, failures: list[CheckResult]) -> dict[str, Any]:
    return {
        "stack": stack,
        "href": address(stack),
        "run_href": address(Run, stack.run_id) if stack.run_id else "",
        "failures": [(row, address(row)) for row in failures[:MAX_FAILURES]],
        "more": max(0, len(failures) - MAX_FAILURES),
    }
