"""Bug reports and histories at the desk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from awe_incidents.accounts.models import User
from awe_incidents.incidents.models import BugReport, TimelineEntry
from awe_incidents.incidents.queries import visible_reports
from awe_incidents.incidents.reports import flaws_of
from awe_incidents.triage.access import EVERYBODY
from awe_incidents.triage.base import DeskAdmin, display, time_column
from awe_incidents.triage.facts import Fact, address

HEADINGS = {
    "environment": "Environment",
    "docker_compose_version": "Docker Compose version",
    "container_logs": "Container logs",
    "steps_to_reproduce": "Steps to reproduce",
    "expected_behavior": "Expected behavior",
    "actual_behavior": "Actual behavior",
    "screenshots": "Screenshots",
}
LONG_FIELDS = tuple(HEADINGS)[1:]


class BugReportAdmin(DeskAdmin):
    """Reports as filed, redacted."""

    seen_by = EVERYBODY
    template = "triage/bug_report.html"
    list_display = (
        "number",
        "incident",
        "stack",
        "environment",
        "reporter",
        "complete",
        time_column("filed_at", description="Filed"),
    )
    list_filter = ("environment", "stack")

    def visible(self, user: User) -> QuerySet[BugReport]:
        """Give the reports that a person may see."""
        return visible_reports(user).select_related("incident", "stack", "reporter")

    def for_list(self, rows: QuerySet[BugReport], user: User) -> QuerySet[BugReport]:
        """Leave out the long texts."""
        return rows.defer(*LONG_FIELDS, "lint", "redactions", "stack__document", "stack__redaction_key")

    @display(description="Complete")
    def complete(self, report: BugReport) -> str:
        """Show how complete it is."""
        return f"{report.completeness} of 100"

    def context(self, thing: BugReport, request: HttpRequest) -> Mapping[str, Any]:
        """Show the seven fields as text, and what was removed from them."""
        return {
            "facts": [
                Fact("Incident", str(thing.incident), address(thing.incident)),
                Fact("Stack", thing.stack.name),
                Fact("Reporter", thing.reporter.username),
                Fact("Filed", thing.filed_at),
                Fact("Complete", f"{thing.completeness} of 100"),
                Fact("Redaction rules", thing.redactions.get("rule_set_version", "")),
            ],
            "fields": [(heading, getattr(thing, name)) for name, heading in HEADINGS.items()],
            "flaws": flaws_of(thing),
            "receipt": [
                (HEADINGS[name], rule, number)
                for name, rules in thing.redactions.get("counts", {}).items()
                for rule, number in rules.items()
            ],
        }


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
