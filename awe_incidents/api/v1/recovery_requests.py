"""Requests for recovery actions: asked for, listed, and followed while they go."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.choices import RECOVERY_REQUEST_STATES, REVIEW_STATES
from awe_incidents.api.fields import MAX_ID, Choice, Text, WholeNumber
from awe_incidents.api.kept import validated
from awe_incidents.api.parameters import PageParameters
from awe_incidents.api.problems import InvalidFields
from awe_incidents.api.v1.recovery_answers import RecoveryRequestDetailSerializer, RecoveryRequestSerializer
from awe_incidents.api.v1.recovery_forms import ActionForm, IncidentNumber, Why, incident_of
from awe_incidents.api.v1.recovery_plans import PLANNING_REFUSALS
from awe_incidents.api.v1.report_forms import MAX_REASON
from awe_incidents.api.views import CreateView, ListView, ScopedView, created
from awe_incidents.recovery.errors import ReasonRequired, TooOften
from awe_incidents.recovery.models import RecoveryRequest
from awe_incidents.recovery.operations import noting_refusals, request_action
from awe_incidents.recovery.queries import NOT_LISTED, requests, whole_requests


@extend_schema_serializer(component_name="RecoveryRequested")
class RequestForm(ActionForm):
    """What is asked for, and why."""

    because = Why(max_length=MAX_REASON)
    incident = IncidentNumber(help_text="The incident that it is for.")
    retry_of = WholeNumber(
        min_value=1, max_value=MAX_ID, required=False, allow_null=True, default=None,
        help_text="The request that this one tries again.",
    )  # fmt: skip


class RequestParameters(PageParameters):
    """Which requests."""

    stack = Text(required=False, max_length=63)
    state = Choice(required=False, choices=RECOVERY_REQUEST_STATES)
    incident = WholeNumber(required=False, min_value=1, max_value=MAX_ID)
    review = Choice(required=False, choices=REVIEW_STATES, help_text="Broken glass only; `due` is what waits for it.")


class RecoveryRequestList(ListView, CreateView):
    """Requests for recovery actions."""

    serializer_class = RecoveryRequestSerializer
    scopes: ClassVar = {"GET": Scope.RECOVERY_READ, "POST": Scope.RECOVERY_REQUEST}
    parameters: ClassVar = {"GET": RequestParameters}
    filters: ClassVar = {"stack": "stack_id", "state": "state", "incident": "incident_id", "review": "review__state"}
    refusals: ClassVar = {"POST": (ReasonRequired, TooOften, *PLANNING_REFUSALS)}

    def get_queryset(self) -> QuerySet[RecoveryRequest]:
        """Start from all of them, without what the list does not show."""
        return requests().defer(*NOT_LISTED)

    @extend_schema(operation_id="list_recovery_requests")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List requests, newest first."""
        return self.list(request, *args, **kwargs)

    @extend_schema(
        operation_id="request_recovery", request=RequestForm, responses={201: RecoveryRequestDetailSerializer}
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Ask for an action; it is planned on the target as it is now, and carried out at most once."""
        with noting_refusals(by=actor_of(request), at=timezone.now()):
            return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Ask for it."""
        asked = validated(RequestForm, request.data)
        made = request_action(
            stack=asked["stack"],
            slug=asked["action"],
            document=asked["parameters"],
            incident=incident_of(asked, self.person),
            retry_of=_retried(asked["retry_of"]),
            user=self.person,
            by=actor_of(request),
            at=timezone.now(),
            because=asked["because"],
        )
        return created_request(self, made)


def created_request(view: ScopedView, request: RecoveryRequest) -> Response:
    """Give a request as it is now, as the answer to a change of it."""
    now = whole_requests().get(pk=request.pk)
    data = RecoveryRequestDetailSerializer(now, context=view.get_serializer_context()).data
    return created(data, location=data["links"]["self"])


def _retried(number: int | None) -> RecoveryRequest | None:
    if number is None:
        return None
    found = requests().filter(pk=number).first()
    if found is None:
        raise InvalidFields([("retry_of", "There is no such request; GET /api/v1/recovery-requests/ lists them.")])
    return found


class RecoveryRequestDetail(RetrieveModelMixin, ScopedView):
    """One request."""

    serializer_class = RecoveryRequestDetailSerializer
    scopes: ClassVar = {"GET": Scope.RECOVERY_READ}

    def get_queryset(self) -> QuerySet[RecoveryRequest]:
        """Start from all of them, with what belongs to each."""
        return whole_requests()

    @extend_schema(operation_id="get_recovery_request")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one request with plan, decisions and execution; poll with If-None-Match."""
        return self.retrieve(request, *args, **kwargs)
