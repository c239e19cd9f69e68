"""Accepting what the service suggests for an incident."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.fields import MAX_ID, Fields, Text, WholeNumber
from awe_incidents.api.kept import validated
from awe_incidents.api.preconditions import asked_version
from awe_incidents.api.v1.incidents import MAX_REASON, IncidentSerializer, VisibleIncidents
from awe_incidents.api.views import NOT_REDACTED, CreateView, created
from awe_incidents.incidents.errors import NothingSuggested, RoleRequired
from awe_incidents.incidents.operations import accept_suggestion


@extend_schema_serializer(component_name="Acceptance")
class AcceptanceRequest(Fields):
    """Which suggestion is accepted."""

    run = WholeNumber(min_value=1, max_value=MAX_ID, help_text="The `run` of the suggestion that you read.")
    because = Text(required=False, default="", allow_blank=True, max_length=MAX_REASON)


class SuggestionAcceptance(VisibleIncidents, CreateView):
    """That a person says what the service suggests."""

    scopes: ClassVar = {"POST": Scope.INCIDENTS_WRITE}
    conditional: ClassVar = frozenset({"POST"})
    refusals: ClassVar = {"POST": (RoleRequired, NothingSuggested, *NOT_REDACTED)}

    @extend_schema(operation_id="accept_suggestion", request=AcceptanceRequest, responses={201: IncidentSerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Let the incident have the suggested words; 412 where another run suggests something by now."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Accept it."""
        incident = self.get_object()
        version = asked_version(request, current=incident.version)
        asked = validated(AcceptanceRequest, request.data)
        accept_suggestion(
            incident=incident,
            run_id=asked["run"],
            user=self.person,
            by=actor_of(request),
            at=timezone.now(),
            because=asked["because"],
            version=version,
        )
        data = self.get_serializer(self.get_object()).data
        return created(data, location=data["links"]["self"])
