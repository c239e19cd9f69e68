"""The audit trail at the desk: entries by pages that are never counted, and the page of one with its proof."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from awe_incidents.audit.errors import AwaitsSignature, HashesMissing, TrailBroken
from awe_incidents.audit.listing import Page, Place, page_of, places_of
from awe_incidents.audit.models import Disclosure, Entry
from awe_incidents.audit.queries import proof_of, shown_entries
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.stack_events import StackEvent, between, stack_events
from awe_incidents.triage.access import AUDITORS, person_of
from awe_incidents.triage.base import DeskAdmin
from awe_incidents.triage.entry_filter import EntryFilter
from awe_incidents.triage.entry_page import alarms_of, data_of, facts_of, texts_of, title_of
from awe_incidents.triage.entry_proof import not_proved, proved
from awe_incidents.triage.entry_words import sentence
from awe_incidents.triage.facts import address, list_address
from awe_incidents.triage.headers import attachment


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the list: an entry with its place and the name of who acted, or an event outside of the trail."""

    at: datetime
    entry: Entry | None = None
    place: Place | None = None
    name: str = ""
    event: StackEvent | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A page of the list."""

    lines: list[Line] = field(default_factory=list)
    newer: str = ""
    older: str = ""


class EntryAdmin(DeskAdmin):
    """Recorded facts."""

    seen_by: ClassVar = AUDITORS
    template = "triage/entry.html"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show a page of entries; of one incident together with what its runs saw in the stack's own log."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        form = EntryFilter(request.GET, label_suffix="")
        shown = self._shown(form, request) if form.is_valid() else Shown()
        incident = form.cleaned_data.get("incident")
        title = f"Trail of incident #{incident}" if incident else "Audit trail"
        context = {
            "form": form,
            "shown": shown,
            "is_narrowed": any(form.data.get(one.name) for one in form.visible_fields()),
            "incident_url": address(Incident, incident) if incident else "",
            "whole_url": list_address(Entry),
        }
        return self.page(request, "triage/entries.html", title, context)

    def context(self, thing: Entry, request: HttpRequest) -> Mapping[str, Any]:
        """Show what was recorded, and its proof."""
        (shown,) = shown_entries([thing])
        return {
            "heading": title_of(shown),
            "alarms": alarms_of(shown),
            "sentence": sentence(shown),
            "facts": facts_of(shown, person_of(request)),
            "texts": texts_of(shown),
            "data": data_of(shown),
            "content": shown.content,
            "proved": proved(thing),
            "body_url": self.address_of(thing, "body"),
            "proof_url": self.address_of(thing, "proof"),
        }

    def pages(self) -> Sequence[tuple[str, Callable[..., HttpResponse]]]:
        """Give the downloads."""
        return [("body", self.body), ("proof", self.proof)]

    def body(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Give the exact bytes that were signed."""
        entry: Entry = self.found(request, object_id)
        return attachment(bytes(entry.body), name=f"{entry.event_id}.json", media_type="application/json")

    def proof(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Give the `.tlog-proof`, or say why there is none."""
        entry: Entry = self.found(request, object_id)
        try:
            proof = proof_of(entry)
        except (AwaitsSignature, HashesMissing, TrailBroken) as refusal:
            words = {"words": not_proved(refusal).because}
            return self.page(request, "triage/refused.html", "No proof now", words, status=409)
        return attachment(proof, name=f"{entry.event_id}.tlog-proof", media_type="text/plain; charset=utf-8")

    def _shown(self, form: EntryFilter, request: HttpRequest) -> Shown:
        asked, wanted = form.cleaned_data, form.wanted()
        page = page_of(wanted, older_than=asked["older_than"], newer_than=asked["newer_than"])
        lines = _lines(page)
        if form.is_of_incident_alone():
            events = stack_events(asked["incident"], person_of(request))
            lines = _merged(lines, events, page, since=wanted.since, until=wanted.until)
        entries = page.entries
        return Shown(
            lines,
            newer=form.address(newer_than=entries[0].pk) if page.has_newer and entries else "",
            older=form.address(older_than=entries[-1].pk) if page.below else "",
        )


def _lines(page: Page) -> list[Line]:
    places = places_of(page.entries)
    named = Disclosure.objects.filter(entry_id__in=list(places), field="actor.name")
    names = dict(named.values_list("entry_id", "value"))
    return [Line(one.occurred_at, one, places[one.pk], names.get(one.pk, "")) for one in page.entries]


def _merged(
    lines: list[Line], events: list[StackEvent], page: Page, *, since: datetime | None, until: datetime | None
) -> list[Line]:
    """Put events among entries by time; a page has those from its first entry down to that of the next page."""
    newest = lines[0].at if page.has_newer and lines else None
    oldest = page.below.occurred_at if page.below else None
    here = between(events, after=oldest, until=newest)
    asked = [one for one in here if (since is None or one.at >= since) and (until is None or one.at < until)]
    return sorted([*lines, *(Line(one.at, event=one) for one in asked)], key=lambda line: line.at, reverse=True)
