"""What waits for somebody: approvals, reviews of broken glass, outcomes that nobody knows, and what is under way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, F, OuterRef, Q, Value
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from awe_incidents.accounts.models import User
from awe_incidents.reconciliation.models import Alarm
from awe_incidents.reconciliation.queries import open_alarms
from awe_incidents.recovery.models import Decision, Execution, OneTimeSecret, RecoveryRequest
from awe_incidents.recovery.queries import NOT_LISTED, IsAffected, due_reviews, secrets_to_fetch, waiting_requests
from awe_incidents.recovery.states import FINAL_EXECUTIONS, ExecutionState, RequestState
from awe_incidents.triage.access import has_any_role, person_of
from awe_incidents.triage.alarms import alarm_tile, with_words
from awe_incidents.triage.base import DeskAdmin
from awe_incidents.triage.facts import address, list_address
from awe_incidents.triage.one_time_secrets import SHOW_SECRET
from awe_incidents.triage.recovery_steps import may_decide, why_not_decide, why_not_review
from awe_incidents.triage.tiles import MAX_COUNTED, Tile

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite

MAX_LISTED = 50
UNDER_WAY = tuple(set(ExecutionState) - {*FINAL_EXECUTIONS, ExecutionState.OUTCOME_UNKNOWN})


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that waits, with where the person does something about it, or why they do not."""

    request: RecoveryRequest
    href: str = ""
    why_not: str = ""


def waiting_address() -> str:
    """Give the address of the page."""
    return reverse("admin:recovery_waiting")


def may_see_waiting(request: HttpRequest) -> bool:
    """Say whether the person reads of recovery."""
    return has_any_role(request.user, DeskAdmin.seen_by)


class WaitingPages:
    """The page, within the desk's frame."""

    def __init__(self, site: AdminSite) -> None:
        self.site = site

    def addresses(self) -> list[URLPattern]:
        """Give the page, behind the site's sign-in and under its policy."""
        return [path("recovery/waiting/", self.site.admin_view(self.show), name="recovery_waiting")]

    def show(self, request: HttpRequest) -> HttpResponse:
        """Show what waits now; first what this person may decide on."""
        if not may_see_waiting(request):
            raise PermissionDenied
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        user = person_of(request)
        yours, others = _approvals(user)
        context = {
            "title": "What waits",
            "yours": yours,
            "others": others,
            "secrets": [(one, address(one.execution.request, part=SHOW_SECRET.name)) for one in _secrets(user)],
            "reviews": _reviews(user),
            "unknown": _executions(ExecutionState.OUTCOME_UNKNOWN),
            "under_way": _executions(*UNDER_WAY),
            "alarms": with_words(list(open_alarms().defer("stack__document", "stack__redaction_key")[:MAX_LISTED])),
            "alarms_url": list_address(Alarm),
            "max_listed": MAX_LISTED,
            "all_url": list_address(RecoveryRequest, f"state={RequestState.PENDING_APPROVAL}"),
        }
        return TemplateResponse(request, "triage/recovery_waiting.html", self.site.each_context(request) | context)


def waiting_tiles() -> list[Tile]:
    """Give the figures for the overview."""
    here, is_unknown = waiting_address(), Q(state=ExecutionState.OUTCOME_UNKNOWN)
    approvals = waiting_requests().order_by().values("pk")[:MAX_COUNTED].count()
    due = due_reviews().aggregate(all=Count("pk"), late=Count("pk", filter=Q(due_at__lt=Now())))  # one a stack at most
    open_ones = Execution.objects.filter(~Q(state__in=FINAL_EXECUTIONS))[:MAX_COUNTED]
    known = open_ones.aggregate(unknown=Count("pk", filter=is_unknown), under_way=Count("pk", filter=~is_unknown))
    return [
        Tile("approvals", approvals, here, "pending_approval"),
        Tile("reviews due", due["all"], here, "due"),
        Tile("overdue", due["late"], here, "overdue"),
        Tile("outcome unknown", known["unknown"], here, "outcome_unknown"),
        Tile("under way", known["under_way"], here, "executing"),
        alarm_tile(list_address(Alarm)),
    ]


def _approvals(user: User) -> tuple[list[Waiting], list[Waiting]]:
    """Give the oldest requests that this person may decide on, and the oldest of the others with why not."""
    waiting = waiting_requests().order_by("pk").defer(*NOT_LISTED).prefetch_related("decisions")
    theirs = (
        Q(requester=user)
        | Q(IsAffected(F("terms__affected_user"), Value(user.username), Value(user.email)))
        | Exists(Decision.objects.filter(request=OuterRef("pk"), person=user))
    )
    if not may_decide(user):
        return [], _told(waiting[:MAX_LISTED], user, why_not_decide, part="approve")
    mine = _told(waiting.exclude(theirs)[:MAX_LISTED], user, why_not_decide, part="approve")
    return mine, _told(waiting.filter(theirs)[:MAX_LISTED], user, why_not_decide, part="approve")


def _secrets(user: User) -> list[OneTimeSecret]:
    """Give what waits for this person's eyes, which operators alone fetch."""
    return list(secrets_to_fetch(user)[:MAX_LISTED]) if SHOW_SECRET.may(user) else []


def _reviews(user: User) -> list[Any]:
    due = due_reviews().order_by("due_at").select_related("request__requester")[:MAX_LISTED]
    rows = [(one, _told([one.request], user, why_not_review, part="review")[0]) for one in due]
    return sorted(rows, key=lambda row: bool(row[1].why_not))


def _told(
    rows: Iterable[RecoveryRequest], user: User, why_not: Callable[[Any, User], str], *, part: str
) -> list[Waiting]:
    refusals = [(row, why_not(row, user)) for row in rows]
    return [Waiting(row, "" if words else address(row, part=part), words) for row, words in refusals]


def _executions(*states: ExecutionState) -> list[Execution]:
    rows = Execution.objects.filter(state__in=states).select_related("request__stack", "request__requester")
    return list(rows.order_by("pk").defer("request__stack__document", "request__stack__redaction_key")[:MAX_LISTED])
