"""Requests of recovery at the desk: the list, and the page of one that follows its execution."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from awe_incidents.accounts.models import User
from awe_incidents.recovery.actions import registry
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.recovery.queries import NOT_LISTED, output_of, requests, whole_requests
from awe_incidents.recovery.states import RequestState
from awe_incidents.triage.access import person_of
from awe_incidents.triage.facts import Fact, address
from awe_incidents.triage.fields import choice_field, number_field, text_field
from awe_incidents.triage.headers import ATTACHMENT_POLICY, POLICY
from awe_incidents.triage.live import fragment, tag_of
from awe_incidents.triage.manual_shown import all_by_hand_address, done_by_hand, has_pending, version_of_manual
from awe_incidents.triage.one_time_secrets import SHOW_SECRET, secret_standing
from awe_incidents.triage.recovery_asking import retry_address
from awe_incidents.triage.recovery_shown import (
    cited_for,
    execution_of,
    execution_shown,
    facts_of,
    is_moving,
    standing,
    terms_of,
    version_of,
)
from awe_incidents.triage.recovery_steps import REQUEST_STEPS, may_ask, why_not_decide
from awe_incidents.triage.turning import MAX_ID, TurningAdmin, TurningForm, id_of
from diagnostics.models import Stack

MAX_RETRIES = 20  # of one request; the newest
_LIVE = "triage/parts/recovery_live.html"


class RequestFilter(TurningForm):
    """What the list can be narrowed down to."""

    state = choice_field(
        label="State",
        choices=[("", "any"), *((one.value, one.value.replace("_", " ")) for one in RequestState)],
        required=False,
    )
    action = text_field(label="Action", required=False, max_length=100)
    stack = text_field(label="Stack", required=False, max_length=63)
    requester = text_field(label="Asked for by", required=False, max_length=150)
    incident = number_field(label="Incident", required=False, min_value=1, max_value=MAX_ID)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["action"].widget.attrs["list"] = "actions"
        self.known_actions = sorted(registry.all_actions())

    def columns(self) -> Mapping[str, Any]:
        """Give what rows are filtered by."""
        columns = dict(super().columns())
        if "stack" in columns:
            columns["stack"] = id_of(Stack, name=columns["stack"])
        if "requester" in columns:
            columns["requester"] = id_of(User, username=columns["requester"])
        return columns


class RecoveryRequestAdmin(TurningAdmin):
    """What somebody asked for, and what came of it."""

    template = "triage/recovery_request.html"
    list_template = "triage/recovery_requests.html"
    filters = RequestFilter
    steps: ClassVar = (*REQUEST_STEPS, SHOW_SECRET)

    def visible(self, user: User) -> QuerySet[RecoveryRequest]:
        """Give all of them: who sees any sees each."""
        of_execution = ("execution__recheck", "execution__secret__shown_to")
        rows = requests().select_related("incident", "review__broken_by", "review__reviewer", *of_execution)
        return rows.defer("execution__secret__ciphertext")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Start from all, newest first, and read no descriptions of stacks."""
        return super().get_queryset(request).defer("stack__document", "stack__redaction_key")

    def for_list(self, rows: QuerySet[RecoveryRequest], user: User) -> QuerySet[RecoveryRequest]:
        """Leave out what only the page shows."""
        return rows.defer(*NOT_LISTED)

    def lines(self, rows: list[Any], request: HttpRequest) -> list[Any]:
        """Give each with where it stands."""
        return [(row, standing(row)) for row in rows]

    def context(self, thing: RecoveryRequest, request: HttpRequest) -> Mapping[str, Any]:
        """Show what is asked for, and what moves."""
        user = person_of(request)
        return {
            "cited": cited_for(thing, user),
            "because": thing.because,
            **terms_of(thing),
            "live_url": self.address_of(thing, "live"),
            "live_tag": self._tag(thing, user),
            "is_going": _is_going(thing),
            **self._moving(thing, user),
        }

    def pages(self) -> Sequence[tuple[str, Callable[..., Any]]]:
        """Give the part that is polled, and the whole output."""
        return [("live", self.live), ("output", self.output)]

    def live(self, request: HttpRequest, object_id: int) -> Any:
        """Answer with what moves when it has changed."""
        thing, user = self.found(request, object_id), person_of(request)
        return fragment(
            request,
            tag=self._tag(thing, user),
            going=_is_going(thing),
            template=_LIVE,
            context=lambda: self._moving(thing, user),
        )

    def output(self, request: HttpRequest, object_id: int) -> StreamingHttpResponse:
        """Give everything that the execution said, as a download that no browser interprets."""
        execution = execution_of(self.found(request, object_id))
        texts = output_of(execution).values_list("text", flat=True).iterator(100) if execution else iter(())
        return StreamingHttpResponse(
            (f"{text}\n" for text in texts),
            content_type="text/plain; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="recovery-request-{object_id}-output.txt"',
                "X-Content-Type-Options": "nosniff",
                POLICY: ATTACHMENT_POLICY,
            },
        )

    def _moving(self, thing: RecoveryRequest, user: User) -> dict[str, Any]:
        whole = whole_requests().get(pk=thing.pk)
        has_ended = not is_moving(whole)
        return {
            "thing": whole,
            "facts": facts_of(whole),
            "standing": standing(whole),
            "decisions": sorted(whole.decisions.all(), key=lambda one: one.pk),
            "why_not": why_not_decide(whole, user) if whole.state == RequestState.PENDING_APPROVAL else "",
            "review": (review := getattr(whole, "review", None)),
            "notices": sorted(review.notices.all(), key=lambda one: one.pk) if review else [],
            "secret": secret_standing(whole, now=timezone.now()),
            "offered_now": self.offered(whole, user),
            "retry_url": retry_address(whole) if has_ended and may_ask(user) else "",
            "output_url": self.address_of(whole, "output"),
            "manual": done_by_hand(whole.incident_id),
            "all_manual_url": all_by_hand_address(whole.incident_id) if whole.incident_id else "",
            "retries": _retries_of(whole),
            **execution_shown(whole),
        }

    def _tag(self, thing: RecoveryRequest, user: User) -> str:
        return tag_of(user.pk, user.roles, version_of(thing), version_of_manual(done_by_hand(thing.incident_id)))


def _is_going(thing: RecoveryRequest) -> bool:
    return is_moving(thing) or has_pending(done_by_hand(thing.incident_id))


def _retries_of(request: RecoveryRequest) -> list[Fact]:
    newest = request.retries.order_by("-pk")[:MAX_RETRIES]
    return [Fact(f"Request {one.pk}", one.state, address(one)) for one in newest]
