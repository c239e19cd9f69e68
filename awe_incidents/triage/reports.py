"""Bug reports and histories at the desk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse

from awe_incidents.accounts.models import User
from awe_incidents.incidents.errors import RemovedByRetention
from awe_incidents.incidents.models import BugReport, ReportRevision, ReportText, TimelineEntry
from awe_incidents.incidents.prefills import Prefilled, prefill_of
from awe_incidents.incidents.queries import (
    check_not_removed,
    revision_of,
    revisions_of,
    visible_attachments,
    visible_reports,
    visible_revisions,
)
from awe_incidents.incidents.reports import flaws_of, new_issue
from awe_incidents.incidents.states import EnvironmentSource
from awe_incidents.triage.access import EVERYBODY, person_of
from awe_incidents.triage.attachments import shown
from awe_incidents.triage.base import DeskAdmin, display, time_column
from awe_incidents.triage.facts import Fact, address
from awe_incidents.triage.labels import moment
from awe_incidents.triage.report_steps import MOVE

HEADINGS = {
    "environment": "Environment",
    "docker_compose_version": "Docker Compose version",
    "container_logs": "Container logs",
    "steps_to_reproduce": "Steps to reproduce",
    "expected_behavior": "Expected behavior",
    "actual_behavior": "Actual behavior",
    "screenshots": "Screenshots",
}
NOTHING: Mapping[str, Prefilled] = MappingProxyType({})
LONG_FIELDS = tuple(HEADINGS)[1:]


class BugReportAdmin(DeskAdmin):
    """Reports as filed, redacted."""

    seen_by = EVERYBODY
    template = "triage/bug_report.html"
    steps = (MOVE,)
    list_display = (
        "number",
        "incident",
        "stack",
        "environment_label",
        "reporter",
        "complete",
        "revision",
        time_column("filed_at", description="Filed"),
    )
    list_filter = ("environment", "stack")

    def visible(self, user: User) -> QuerySet[BugReport]:
        """Give the reports that a person may see."""
        return visible_reports(user).select_related("incident", "stack", "reporter")

    def for_list(self, rows: QuerySet[BugReport], user: User) -> QuerySet[BugReport]:
        """Leave out the long texts."""
        long = (*LONG_FIELDS, "lint", "redactions")
        rows = rows.defer(*long, *(f"current__{name}" for name in long))
        return rows.defer("stack__document", "stack__redaction_key")

    def change_view(
        self, request: HttpRequest, object_id: Any, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the page of a report; of one that is gone for good say so."""
        try:
            return super().change_view(request, object_id, form_url, extra_context)
        except Http404:
            try:
                check_not_removed(object_id, person_of(request))
            except RemovedByRetention as gone:
                words = str(gone).capitalize()
                return self.page(request, "triage/gone.html", f"Report {object_id}", {"words": words}, status=410)
            raise

    @display(description="Environment")
    def environment_label(self, report: BugReport) -> str:
        """Show the environment as the report says it now."""
        return report.latest.environment

    @display(description="Complete")
    def complete(self, report: BugReport) -> str:
        """Show how complete it is."""
        return f"{report.completeness} of 100"

    def context(self, thing: BugReport, request: HttpRequest) -> Mapping[str, Any]:
        """Show what the report says now, what it lacks, what was removed from it and what it said before."""
        revisions = revisions_of(thing)
        return {
            "facts": [
                Fact("Incident", str(thing.incident), address(thing.incident)),
                Fact("Stack", thing.stack.name),
                Fact("Reporter", thing.reporter.username),
                Fact("Filed", thing.filed_at),
                Fact("Complete", f"{thing.completeness} of 100"),
                Fact("Revision", _told(revisions[0])),
                Fact("Redaction rules", thing.latest.redactions.get("rule_set_version", "")),
                *_issue_tracker(thing, request),
            ],
            "attachments": shown(visible_attachments(person_of(request)).filter(report=thing).order_by("pk")),
            "revisions": [
                (one, self._address(one), ", ".join(HEADINGS[name] for name in one.changed)) for one in revisions
            ],
            **text_context(thing.latest, prefill_of(thing)),
        }

    def pages(self) -> Sequence[tuple[str, Callable[..., HttpResponse]]]:
        """Give the report as it was filed, which is no row of revisions."""
        return [("filed", self.filed)]

    def filed(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Show the report as it was filed."""
        report = self.found(request, object_id)
        context = {"thing": report, **revision_context(revision_of(report, 1))}
        return self.page(request, self.template, f"Report {report.pk} as filed", context)

    def _address(self, revision: ReportRevision) -> str:
        return address(revision) if revision.pk else self.address_of(revision.report, "filed")


class ReportRevisionAdmin(DeskAdmin):
    """What bug reports said, revision by revision."""

    seen_by = EVERYBODY
    template = "triage/bug_report.html"
    list_display = ("report_number", "number_label", "author", time_column("revised_at", description="Revised"))

    def visible(self, user: User) -> QuerySet[ReportRevision]:
        """Give the revisions of the reports that a person may see."""
        return visible_revisions(user)

    def for_list(self, rows: QuerySet[ReportRevision], user: User) -> QuerySet[ReportRevision]:
        """Leave out the long texts."""
        return rows.defer(*LONG_FIELDS, "lint", "redactions")

    @display(description="Bug report")
    def report_number(self, revision: ReportRevision) -> str:
        """Show the number of the report."""
        return f"Report {revision.report_id}"

    @display(description="Revision")
    def number_label(self, revision: ReportRevision) -> int:
        """Show which revision of it this is."""
        return revision.number

    def context(self, thing: ReportRevision, request: HttpRequest) -> Mapping[str, Any]:
        """Show what the report said then."""
        return revision_context(thing)


def revision_context(revision: ReportRevision) -> dict[str, Any]:
    """Give who said what when and why, and all that was said."""
    return {
        "facts": [
            Fact("Bug report", f"Report {revision.report_id}", address(BugReport, revision.report_id)),
            Fact("Revision", _told(revision)),
            Fact("Why", revision.because or "not said"),
            Fact("Changed", ", ".join(HEADINGS[name] for name in revision.changed) or "as filed"),
            Fact("Complete", f"{revision.completeness} of 100"),
            Fact("Redaction rules", revision.redactions.get("rule_set_version", "")),
        ],
        **text_context(revision),
    }


def _issue_tracker(report: BugReport, request: HttpRequest) -> list[Fact]:
    href = new_issue(report, whole_at=request.build_absolute_uri(address(report.incident)))
    return [Fact("Issue tracker", "open a new issue", href)] if href else []


class Shown(NamedTuple):
    """A field for the page: what people wrote, and beside it what the service knows."""

    heading: str
    text: str
    note: str
    prefilled: Prefilled | None


def text_context(text: ReportText, prefill: Mapping[str, Prefilled] = NOTHING) -> dict[str, Any]:
    """Give the seven fields as text, what they lack, and what was removed from them."""
    return {
        "fields": [
            Shown(heading, getattr(text, name), _note(text, name), prefill.get(name))
            for name, heading in HEADINGS.items()
        ],
        "flaws": flaws_of(text),
        "receipt": [
            (HEADINGS[name], rule, number)
            for name, rules in text.redactions.get("counts", {}).items()
            for rule, number in rules.items()
        ],
    }


def _note(text: ReportText, name: str) -> str:
    is_the_stacks = name == "environment" and text.environment_source == EnvironmentSource.STACK
    return "Nobody named it: this is what the stack's description names." if is_the_stacks else ""


def _told(revision: ReportRevision) -> str:
    return f"{revision.number}, by {revision.author.username}, {moment(revision.revised_at)}"


class TimelineEntryAdmin(DeskAdmin):
    """Histories of all incidents, newest first."""

    list_display = ("number", "incident", "kind", "text", "actor", time_column("occurred_at", description="Occurred"))
    list_filter = ("incident",)

    def get_list_filter(self, request: HttpRequest) -> tuple[str, ...]:
        """Offer none to choose from (there may be a million), but take the one that an incident's page links to."""
        return ()

    def visible(self, user: User) -> QuerySet[TimelineEntry]:
        """Give the entries, for those who see everything."""
        return TimelineEntry.objects.select_related("incident")

    def context(self, thing: TimelineEntry, request: HttpRequest) -> Mapping[str, Any]:
        """Show one entry."""
        return {
            "facts": [
                Fact("Incident", str(thing.incident), address(thing.incident)),
                Fact("Kind", thing.kind),
                Fact("Text", thing.text),
                Fact("Actor", thing.actor),
                Fact("Occurred", thing.occurred_at),
                Fact("Recorded", thing.recorded_at),
            ],
            "json": thing.data,
        }
