"""The page that tells how it stands with the trail: what is signed, what waits, by which keys, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from awe_incidents.audit.models import Anchor
from awe_incidents.audit.queries import name_of
from awe_incidents.audit.state import MAX_WAITING, TrailState, alarms_of, last_checkpoints, trail_state
from awe_incidents.reconciliation.models import Alarm
from awe_incidents.triage.access import AUDITORS, has_any_role
from awe_incidents.triage.facts import Fact, list_address
from awe_incidents.triage.labels import age
from awe_incidents.triage.size_plot import plotted

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite

PLOTTED = 500  # checkpoints
LISTED = 10


def state_address() -> str:
    """Give the address of the page."""
    return reverse("admin:trail_state")


def may_read_trail(request: HttpRequest) -> bool:
    """Say whether the person may read of the trail."""
    return has_any_role(request.user, AUDITORS)


class TrailPages:
    """The page, within the desk's frame."""

    def __init__(self, site: AdminSite) -> None:
        self.site = site

    def addresses(self) -> list[URLPattern]:
        """Give the page, behind the site's sign-in and under its policy."""
        return [path("trail/", self.site.admin_view(self.show), name="trail_state")]

    def show(self, request: HttpRequest) -> HttpResponse:
        """Show how it stands now."""
        if not may_read_trail(request):
            raise PermissionDenied
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        frame = self.site.each_context(request) | {"title": "State of the trail"}
        return TemplateResponse(request, "triage/trail_state.html", frame | _told(trail_state()))


def _told(state: TrailState) -> dict[str, Any]:
    checkpoints = last_checkpoints(PLOTTED)
    return {
        "alarms": alarms_of(state),
        "settling_url": list_address(Alarm) if state.raised else "",
        "facts": _facts(state),
        "outside": _held_outside(state),
        "plot": plotted([(one.signed_at, one.size) for one in checkpoints]),
        "plotted": len(checkpoints),
        "checkpoints": [
            (one, bytes(one.root).hex(), age(one.signed_at, now=state.now)) for one in checkpoints[: -LISTED - 1 : -1]
        ],
        "keys": state.keys,
    }


def _facts(state: TrailState) -> list[Fact]:
    newest = state.newest
    return [
        Fact("Signer", _signer(state), is_label=True),
        Fact("Log", name_of(state.keys[0].vkey) if state.keys else ""),
        Fact("Entries signed", f"{newest.size:,}" if newest else "none yet"),
        Fact("Signed at", newest.signed_at if newest else None),
        Fact("Wait for their place", _waiting(state)),
        Fact("Wait for a signature", f"{state.unsigned:,}"),
        Fact("Guards of append-only tables", "broken" if state.guards else "all stand", is_label=True),
        Fact("Root", bytes(newest.root).hex() if newest else ""),
    ]


def _signer(state: TrailState) -> str:
    if state.signer_is_late:
        return "late"
    if state.newest is None:
        return "nothing signed yet"
    return "in time" if state.signer_has_to_sign else "waits for the sequencer"


def _waiting(state: TrailState) -> str:
    number = state.waiting.number
    if not number or state.waiting.since is None:
        return "none"
    words = f"{number:,}" if number < MAX_WAITING else f"{MAX_WAITING:,} or more"
    return f"{words}, the first for {age(state.waiting.since, now=state.now)}"


def _held_outside(state: TrailState) -> list[Fact]:
    """Give who outside of this service holds checkpoints: a line for each witness and anchor."""
    if not state.anchors:
        return [Fact("Witnesses", "none is asked from here; keep checkpoints on a machine of your own")]
    return [Fact(one.name, f"{one.size:,} entries", note=_last_answer(one, state)) for one in state.anchors]


def _last_answer(anchor: Anchor, state: TrailState) -> str:
    return f"{anchor.kind}; asked {age(anchor.asked_at, now=state.now)} ago: {anchor.answer}"
