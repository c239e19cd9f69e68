"""Ask in one call for what the diagnosis of an incident recommends."""

from __future__ import annotations

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.fields import MAX_ID, Fields, Text, WholeNumber
from awe_incidents.api.kept import validated
from awe_incidents.api.problems import InvalidFields
from awe_incidents.api.v1.recovery_answers import JsonObject, RecoveryRequestDetailSerializer
from awe_incidents.api.v1.recovery_forms import Why
from awe_incidents.api.v1.recovery_plans import PLANNING_REFUSALS
from awe_incidents.api.v1.recovery_requests import created_request
from awe_incidents.api.v1.report_forms import MAX_REASON
from awe_incidents.api.views import CreateView
from awe_incidents.incidents.queries import visible_incidents, visible_runs
from awe_incidents.recovery.errors import NotRecommended, ReasonRequired
from awe_incidents.recovery.operations import request_recommended


@extend_schema_serializer(component_name="RecommendationTaken")
class RecommendationForm(Fields):
    """Which of the `recommended` of the incident's diagnosis, and why."""

    run = WholeNumber(min_value=1, max_value=MAX_ID)
    cause = Text(max_length=100)
    subject = Text(max_length=500, allow_blank=True)
    action = Text(max_length=100)
    parameters = JsonObject(required=False, help_text="Those that are missing, or that you want otherwise.")
    because = Why(max_length=MAX_REASON)


class IncidentRecoveryRequests(CreateView):
    """Requests for what an incident's diagnosis recommends."""

    serializer_class = RecoveryRequestDetailSerializer
    scopes: ClassVar = {"POST": Scope.RECOVERY_REQUEST}
    refusals: ClassVar = {"POST": (ReasonRequired, NotRecommended, *PLANNING_REFUSALS)}

    @extend_schema(
        operation_id="request_recommended_recovery",
        request=RecommendationForm,
        responses={201: RecoveryRequestDetailSerializer},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Ask for an action that the diagnosis recommends, with the parameters that it tells."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Ask for it."""
        incident = get_object_or_404(visible_incidents(self.person), pk=kwargs["id"])
        asked = validated(RecommendationForm, request.data)
        run = visible_runs(self.person).filter(incident_runs__incident=incident, pk=asked["run"]).first()
        if run is None:
            raise InvalidFields([("run", "This incident has no such run; GET its diagnosis for the latest one.")])
        document = asked.get("parameters", {})
        if not isinstance(document, dict):
            raise InvalidFields([("parameters", "Parameters are an object.")])
        made = request_recommended(
            incident=incident,
            run=run,
            cause=asked["cause"],
            subject=asked["subject"],
            slug=asked["action"],
            document=document,
            user=self.person,
            by=actor_of(request),
            at=timezone.now(),
            because=asked["because"],
        )
        return created_request(self, made)
