"""Incidents at the desk: the list to work from, and the page of one that follows its runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import Count, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.incidents.disclosure import actor_for
from awe_incidents.incidents.errors import SearchTooBroad
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.queries import (
    visible_attachments,
    visible_incidents,
    visible_reports,
    visible_runs,
    visible_timeline,
    with_titles,
)
from awe_incidents.incidents.searching import Wanted, found_numbers
from awe_incidents.incidents.similar import similar_incidents
from awe_incidents.incidents.states import ClassificationSource
from awe_incidents.incidents.suggestions import sources_of, suggestion_for
from awe_incidents.triage.access import EVERYBODY, has_any_role, person_of
from awe_incidents.triage.attachments import shown
from awe_incidents.triage.base import DeskAdmin, display
from awe_incidents.triage.facts import Fact, address
from awe_incidents.triage.incident_recovery import IncidentRecovery
from awe_incidents.triage.incident_steps import INCIDENT_STEPS, may_triage
from awe_incidents.triage.labels import KINDS, age, outcome
from awe_incidents.triage.live import fragment, is_going, run_version, tag_of
from awe_incidents.triage.manual_steps import RECORD_MANUAL_ACTION
from awe_incidents.triage.recovery_asking import asking_page
from awe_incidents.triage.results import shown_run
from diagnostics.models import Run, Stack

MAX_REPORTS = 20
MAX_FOUND = 500  # newest incidents that a search shows
_NUMBER = re.compile(r"#?[0-9]{1,18}")
_SAID_BY = {ClassificationSource.SERVICE.value: "set by the service"}
NOT_SHOWN = ("container_logs", "current__container_logs", "stack__document")
MAX_RUNS = 10
MAX_TIMELINE = 50


class IncidentAdmin(DeskAdmin):
    """What triage works on."""

    seen_by = EVERYBODY
    template = "triage/incident.html"
    steps: ClassVar = (*INCIDENT_STEPS, RECORD_MANUAL_ACTION)
    list_display = (
        "number",
        "title_shown",
        "state_label",
        "severity_label",
        "category",
        "stack",
        "age",
        "reports",
        "last_run",
    )
    list_display_links = ("number", "title_shown")
    list_filter = ("state", "severity", "category", "stack")
    ordering: ClassVar[Any] = ("-opened_at", "-pk")
    search_fields = ("title",)
    search_help_text = "Number, or words of bug reports and titles"

    def visible(self, user: User) -> QuerySet[Incident]:
        """Give the incidents that a person may see."""
        return with_titles(visible_incidents(user), user).select_related("opened_by")

    def for_list(self, rows: QuerySet[Incident], user: User) -> QuerySet[Incident]:
        """Add the number of reports that the person may see, and the last run."""
        reports = visible_reports(user).filter(incident=OuterRef("pk")).order_by().values("incident")
        last_run = Run.objects.filter(incident_runs__incident=OuterRef("pk")).order_by("-pk")
        return rows.defer("stack__document", "stack__redaction_key").annotate(
            report_count=Coalesce(Subquery(reports.annotate(number=Count("pk")).values("number")), 0),
            last_run_state=Subquery(last_run.values("state")[:1]),
            last_run_counts=Subquery(last_run.values("counts")[:1]),
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Incident], search_term: str
    ) -> tuple[QuerySet[Incident], bool]:
        """Find by number, with or without #, else by words, as the API does; of many the newest."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if _NUMBER.fullmatch(term):
            return queryset.filter(pk=int(term.removeprefix("#"))), False
        try:
            numbers = found_numbers(person_of(request), _wanted(request, q=term), limit=MAX_FOUND)
        except SearchTooBroad as refusal:
            messages.warning(request, f"{str(refusal).capitalize()}.")
            numbers = []
        return queryset.filter(pk__in=numbers), False

    @display(description="No.")
    def number(self, row: Incident) -> str:
        """Show the number as people write it."""
        return f"#{row.pk}"

    @display(description="Title")
    def title_shown(self, incident: Any) -> str:
        """Show the title as the person may read it."""
        return str(incident.shown_title)

    @display(description="State", label=KINDS)
    def state_label(self, incident: Incident) -> str:
        """Show the state in its color."""
        return incident.state

    @display(description="Severity", label=KINDS)
    def severity_label(self, incident: Incident) -> str:
        """Show the severity in its color."""
        return incident.severity

    @display(description="Age")
    def age(self, incident: Incident) -> str:
        """Show how long it has been there."""
        return age(incident.opened_at, now=timezone.now())

    @display(description="Reports")
    def reports(self, incident: Any) -> int:
        """Show how many bug reports there are."""
        return int(incident.report_count)

    @display(description="Last run", label=KINDS)
    def last_run(self, incident: Any) -> tuple[str, str] | None:
        """Show what the last run found."""
        return outcome(incident.last_run_state, incident.last_run_counts) if incident.last_run_state else None

    def context(self, thing: Incident, request: HttpRequest) -> Mapping[str, Any]:
        """Gather reports, and what moves: head, suggestion, latest run, similar incidents and history."""
        user = person_of(request)
        recovery = IncidentRecovery(thing, user)
        moving = self._moving(thing, user, recovery)
        reports = visible_reports(user).filter(incident=thing).order_by("-pk")
        files = Prefetch("attachments", visible_attachments(user).order_by("pk"))
        return {
            "reports": [
                (report, shown(report.attachments.all()))
                for report in reports.defer(*NOT_SHOWN).prefetch_related(files)[:MAX_REPORTS]
            ],
            "live_url": self.address_of(thing, "live"),
            "live_tag": self._tag(thing, user, recovery),
            "is_going": is_going(moving["runs"]) or recovery.is_going,
            **moving,
        }

    def pages(self) -> Sequence[tuple[str, Callable[..., HttpResponse]]]:
        """Give the part that is polled, and where recovery is asked for."""
        return [("live", self.live), asking_page(self)]

    def live(self, request: HttpRequest, object_id: int) -> Any:
        """Answer with what moves when it has changed."""
        incident, user = self.found(request, object_id), person_of(request)
        recovery = IncidentRecovery(incident, user)
        return fragment(
            request,
            tag=self._tag(incident, user, recovery),
            going=is_going(self._runs(incident, user)) or recovery.is_going,
            template="triage/parts/incident_live.html",
            context=lambda: self._moving(incident, user, recovery),
        )

    def _moving(self, incident: Incident, user: User, recovery: IncidentRecovery) -> dict[str, Any]:
        runs = list(self._runs(incident, user))
        entries = visible_timeline(incident, user).order_by("-occurred_at", "-id")
        latest = shown_run(runs[0]) if runs else None
        suggestion = suggestion_for(incident)
        may_accept = may_triage(user) and suggestion is not None and not suggestion.is_accepted
        return {
            "facts": _facts(incident, user),
            "suggestion": suggestion,
            "accept_url": self.address_of(incident, "accept") if may_accept else "",
            "version": incident.version,
            "similar": similar_incidents(incident, user),
            "latest": latest,
            "runs": runs,
            "outcomes": [(run, *outcome(run.state, run.counts)) for run in runs],
            "timeline": [(entry, actor_for(entry, user)) for entry in entries[:MAX_TIMELINE]],
            "max_timeline": MAX_TIMELINE,
            **recovery.shown(latest),
        }

    def _runs(self, incident: Incident, user: User) -> QuerySet[Run]:
        runs = visible_runs(user).filter(incident_runs__incident=incident).order_by("-pk")
        return runs.defer("document", "stack__document", "stack__redaction_key")[:MAX_RUNS]

    def _tag(self, incident: Incident, user: User, recovery: IncidentRecovery) -> str:
        runs = list(self._runs(incident, user))
        last = visible_timeline(incident, user).order_by("-id").values_list("pk", flat=True).first()
        states = [(run.pk, run.state) for run in runs]
        said = (incident.version, *sources_of(incident).items(), suggestion_for(incident))
        seen = run_version(runs[0] if runs else None)
        return tag_of(user.pk, said, last, states, seen, recovery.version)


def _completeness(incident: Any) -> str:
    return "none" if incident.completeness is None else f"{incident.completeness} of 100 complete"


def _wanted(request: HttpRequest, *, q: str) -> Wanted:
    """Read the filters of the list as those of a search."""
    state, severity, category = (request.GET.get(f"{name}__exact", "") for name in ("state", "severity", "category"))
    stack = request.GET.get("stack__id__exact", "")
    name = Stack.objects.filter(pk=stack).values_list("name", flat=True).first() if stack.isdecimal() else ""
    return Wanted(q=q, stack=name or "", state=state, severity=severity, category=category)


def _facts(incident: Incident, user: User) -> list[Fact]:
    sees_more = has_any_role(user, DeskAdmin.seen_by)
    opened_by = incident.opened_by.username if incident.opened_by else "the service"
    said_by = {name: _SAID_BY.get(source, "") for name, source in sources_of(incident).items()}
    return [
        Fact("State", incident.state, is_label=True),
        Fact("Severity", incident.severity or "not set", is_label=bool(incident.severity), note=said_by["severity"]),
        Fact("Category", incident.category or "not set", note=said_by["category"]),
        Fact("Stack", incident.stack.name, address(incident.stack) if sees_more else ""),
        Fact("Environment", incident.stack.environment, is_label=True),
        Fact("Best report", _completeness(incident)),
        Fact("Opened", incident.opened_at),
        Fact("Opened by", opened_by if sees_more or incident.opened_by in (None, user) else "somebody"),
        Fact("Last change", incident.changed_at),
    ]
