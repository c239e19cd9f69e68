"""The audit trail at the desk: read, searched by its indexed columns, never written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import Incident
from awe_incidents.triage.base import DeskAdmin, display, time_column
from awe_incidents.triage.facts import Fact, address


class EntryAdmin(DeskAdmin):
    """Recorded facts."""

    template = "triage/entry.html"
    list_display = (
        "number",
        "verb",
        "subject",
        "actor",
        "incident_number",
        time_column("occurred_at", description="Occurred"),
    )
    list_display_links = ("number", "verb")
    list_filter = ("incident_id",)
    search_fields = ("verb",)
    search_help_text = "A verb (incident:opened), a subject (incident:5) or an actor (user:3)"

    def get_list_filter(self, request: HttpRequest) -> tuple[str, ...]:
        """Offer none to choose from, but take the one that an incident's page links to."""
        return ()

    def search(self, rows: QuerySet[Entry], term: str) -> QuerySet[Entry]:
        """Find by subject or actor, which are indexed, or by verb."""
        kind, _, key = term.partition(":")
        if key.isdecimal():
            return rows.filter(Q(subject_type=kind, subject_id=key) | Q(actor=term))
        return rows.filter(Q(verb=term) | Q(actor=term))

    @display(description="Subject")
    def subject(self, entry: Entry) -> str:
        """Show what it was done to."""
        return f"{entry.subject_type}:{entry.subject_id}"

    @display(description="Incident")
    def incident_number(self, entry: Entry) -> str:
        """Show the number of the incident that it belongs to."""
        return f"#{entry.incident_id}" if entry.incident_id else ""

    def context(self, thing: Entry, request: HttpRequest) -> Mapping[str, Any]:
        """Show the columns, and the recorded bytes set out for reading."""
        incident = thing.incident_id
        return {
            "facts": [
                Fact("Verb", thing.verb),
                Fact("Subject", f"{thing.subject_type}:{thing.subject_id}"),
                Fact("Actor", thing.actor),
                Fact("Incident", f"#{incident}" if incident else "", address(Incident, incident) if incident else ""),
                Fact("Occurred", thing.occurred_at),
                Fact("Recorded", thing.recorded_at),
                Fact("Event", str(thing.event_id)),
                Fact("Bytes", len(bytes(thing.body))),
            ],
            "json": json.loads(bytes(thing.body)),
        }
