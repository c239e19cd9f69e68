"""The desk itself: which rows it shows, under which headings, in which order."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from awe_incidents.accounts.models import ApiToken, User
from awe_incidents.audit import trail
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import Attachment, BugReport, Incident, ReportRevision, TimelineEntry
from awe_incidents.triage.access import actor_of, person_of
from awe_incidents.triage.attachments import AttachmentAdmin
from awe_incidents.triage.base import DeskAdmin, DeskSite
from awe_incidents.triage.entries import EntryAdmin
from awe_incidents.triage.evidence import EvidenceAdmin
from awe_incidents.triage.facts import list_address
from awe_incidents.triage.incidents import IncidentAdmin
from awe_incidents.triage.people import ApiTokenAdmin, UserAdmin
from awe_incidents.triage.reports import BugReportAdmin, ReportRevisionAdmin, TimelineEntryAdmin
from awe_incidents.triage.runs import CheckResultAdmin, RunAdmin
from awe_incidents.triage.stacks import StackAdmin
from diagnostics.models import CheckResult, Evidence, Run, Stack


class Place(NamedTuple):
    """One entry of the sidebar."""

    title: str
    icon: str  # of Material Symbols, which the theme bundles
    model: type[Model]
    admin: type[DeskAdmin]


SECTIONS: tuple[tuple[str, tuple[Place, ...]], ...] = (
    (
        "Triage",
        (
            Place("Incidents", "emergency_home", Incident, IncidentAdmin),
            Place("Bug reports", "bug_report", BugReport, BugReportAdmin),
            Place("Revisions", "history_edu", ReportRevision, ReportRevisionAdmin),
            Place("Attachments", "attach_file", Attachment, AttachmentAdmin),
            Place("Timeline", "timeline", TimelineEntry, TimelineEntryAdmin),
        ),
    ),
    (
        "Diagnostics",
        (
            Place("Stacks", "stacks", Stack, StackAdmin),
            Place("Runs", "play_circle", Run, RunAdmin),
            Place("Results", "rule", CheckResult, CheckResultAdmin),
            Place("Evidence", "description", Evidence, EvidenceAdmin),
        ),
    ),
    ("Audit", (Place("Trail", "receipt_long", Entry, EntryAdmin),)),
    (
        "Administration",
        (
            Place("People", "group", User, UserAdmin),
            Place("API tokens", "key", ApiToken, ApiTokenAdmin),
        ),
    ),
)


class Desk(DeskSite):
    """The site with its sidebar, and with its one change that is no step."""

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Let people change their own password; without its entry in the trail it stays as it was."""
        with transaction.atomic():
            response = super().password_change(request, extra_context)
            if isinstance(response, HttpResponseRedirect):
                person = person_of(request)
                trail.record("user:password_changed", subject=person, by=actor_of(request), at=timezone.now())
        return response

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Give the sections of which the person may see something."""
        overview = {"title": "Overview", "icon": "dashboard", "link": reverse("admin:index")}
        sections: list[dict[str, Any]] = [{"title": "", "items": [self._item(request, overview, allowed=True)]}]
        for title, places in SECTIONS:
            items = [self._place(request, place) for place in places]
            if any(item["has_permission"] for item in items):
                sections.append({"title": title, "separator": True, "items": items})
        return sections

    def _place(self, request: HttpRequest, place: Place) -> dict[str, Any]:
        item = {"title": place.title, "icon": place.icon, "link": list_address(place.model)}
        return self._item(request, item, allowed=self._registry[place.model].has_view_permission(request))

    def _item(self, request: HttpRequest, item: dict[str, Any], *, allowed: bool) -> dict[str, Any]:
        link: str = item["link"]
        is_here = request.path == link or (link != reverse("admin:index") and request.path.startswith(link))
        return item | {"has_permission": allowed, "active": is_here}


def open_desk() -> Desk:
    """Make the site with everything that it shows."""
    desk = Desk()
    for _, places in SECTIONS:
        for place in places:
            desk.register(place.model, place.admin)
    return desk
