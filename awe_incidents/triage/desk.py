"""The desk itself: which rows it shows, under which headings, in which order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone

from awe_incidents.accounts.models import ApiToken, User
from awe_incidents.audit import trail
from awe_incidents.audit.models import Entry
from awe_incidents.incidents.models import Attachment, BugReport, Incident, ReportRevision, TimelineEntry
from awe_incidents.reconciliation.models import Alarm
from awe_incidents.recovery.models import Freeze, MaintenanceWindow, ManualAction, RecoveryRequest
from awe_incidents.triage.access import actor_of, person_of
from awe_incidents.triage.alarms import AlarmAdmin
from awe_incidents.triage.attachments import AttachmentAdmin
from awe_incidents.triage.base import DeskAdmin, DeskSite
from awe_incidents.triage.broken_glass import broken_glass
from awe_incidents.triage.causes import CausePages, may_read, search_address
from awe_incidents.triage.entries import EntryAdmin
from awe_incidents.triage.evidence import EvidenceAdmin
from awe_incidents.triage.facts import list_address
from awe_incidents.triage.freezes import FreezeAdmin
from awe_incidents.triage.incidents import IncidentAdmin
from awe_incidents.triage.maintenance_windows import MaintenanceWindowAdmin
from awe_incidents.triage.manual_actions import ManualActionAdmin
from awe_incidents.triage.people import ApiTokenAdmin, UserAdmin
from awe_incidents.triage.recovery_requests import RecoveryRequestAdmin
from awe_incidents.triage.recovery_waiting import WaitingPages, may_see_waiting, waiting_address
from awe_incidents.triage.reports import BugReportAdmin, ReportRevisionAdmin, TimelineEntryAdmin
from awe_incidents.triage.runs import CheckResultAdmin, RunAdmin
from awe_incidents.triage.stacks import StackAdmin
from awe_incidents.triage.trail_state import TrailPages, may_read_trail, state_address
from diagnostics.models import CheckResult, Evidence, Run, Stack


class Place(NamedTuple):
    """One entry of the sidebar."""

    title: str
    icon: str  # of Material Symbols, which the theme bundles
    model: type[Model]
    admin: type[DeskAdmin]


class Page(NamedTuple):
    """One entry of the sidebar that shows no rows of one kind."""

    title: str
    icon: str
    address: Callable[[], str]
    may_open: Callable[[HttpRequest], bool]


SECTIONS: tuple[tuple[str, tuple[Place | Page, ...]], ...] = (
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
    (
        "Recovery",
        (
            Page("What waits", "pending_actions", waiting_address, may_see_waiting),
            Place("Requests", "healing", RecoveryRequest, RecoveryRequestAdmin),
            Place("Freezes", "ac_unit", Freeze, FreezeAdmin),
            Place("Maintenance windows", "event_repeat", MaintenanceWindow, MaintenanceWindowAdmin),
            Place("Done by hand", "back_hand", ManualAction, ManualActionAdmin),
            Place("Alarms", "notification_important", Alarm, AlarmAdmin),
        ),
    ),
    (
        "Audit",
        (
            Place("Trail", "receipt_long", Entry, EntryAdmin),
            Page("State of the trail", "verified", state_address, may_read_trail),
        ),
    ),
    (
        "Administration",
        (
            Place("People", "group", User, UserAdmin),
            Place("API tokens", "key", ApiToken, ApiTokenAdmin),
        ),
    ),
)


class Desk(DeskSite):
    """The site with its sidebar, its pages that show no rows, and its one change that is no step."""

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Put the pages without rows before what Django finds by the names of models."""
        pages = (CausePages(self), TrailPages(self), WaitingPages(self))
        return [*(one for page in pages for one in page.addresses()), *super().get_urls()]

    def each_context(self, request: Any) -> dict[str, Any]:
        """Add the alarm of broken glass to every page, asked for where it is shown."""
        return super().each_context(request) | {"broken_glass": lambda: broken_glass(request.user)}

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
        causes = {"title": "How-to", "icon": "menu_book", "link": search_address()}
        first = [self._item(request, overview, allowed=True), self._item(request, causes, allowed=may_read(request))]
        sections: list[dict[str, Any]] = [{"title": "", "items": first}]
        for title, places in SECTIONS:
            items = [self._place(request, place) for place in places]
            if any(item["has_permission"] for item in items):
                sections.append({"title": title, "separator": True, "items": items})
        return sections

    def _place(self, request: HttpRequest, place: Place | Page) -> dict[str, Any]:
        if isinstance(place, Page):
            page = {"title": place.title, "icon": place.icon, "link": place.address()}
            return self._item(request, page, allowed=place.may_open(request))
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
            if isinstance(place, Place):
                desk.register(place.model, place.admin)
    return desk
