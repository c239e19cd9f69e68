"""Moving a bug report to another incident."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_serializer
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.fields import MAX_ID, SAYS_SOMETHING, Fields, Text, WholeNumber
from awe_incidents.api.kept import validated
from awe_incidents.api.preconditions import asked_version
from awe_incidents.api.problems import InvalidFields
from awe_incidents.api.v1.report_answers import BugReportDetailSerializer
from awe_incidents.api.v1.report_forms import MAX_REASON
from awe_incidents.api.views import NOT_REDACTED, CreateView, created
from awe_incidents.incidents.errors import NothingChanged, OtherStack, ReasonRequired, RoleRequired
from awe_incidents.incidents.models import BugReport, Incident
from awe_incidents.incidents.operations import move_bug_report
from awe_incidents.incidents.queries import visible_incidents, visible_reports


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": MAX_REASON, "pattern": SAYS_SOMETHING})
class Reason(Text):
    """Why; the histories of both incidents give it."""


@extend_schema_serializer(component_name="IncidentOfReport")
class MoveRequest(Fields):
    """The incident that a report belongs to."""

    incident = WholeNumber(
        min_value=1, max_value=MAX_ID, allow_null=True, help_text="One of the same stack; null opens a new one."
    )
    because = Reason(max_length=MAX_REASON)


class ReportIncident(CreateView):
    """Which incident a bug report belongs to."""

    serializer_class = BugReportDetailSerializer
    scopes: ClassVar = {"POST": Scope.INCIDENTS_WRITE}
    conditional: ClassVar = frozenset({"POST"})
    refusals: ClassVar = {"POST": (RoleRequired, ReasonRequired, OtherStack, NothingChanged, *NOT_REDACTED)}

    def get_queryset(self) -> QuerySet[BugReport]:
        """Start from what the caller may see."""
        return visible_reports(self.person)

    @extend_schema(operation_id="move_bug_report", request=MoveRequest, responses={201: BugReportDetailSerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Move a bug report to another incident of its stack, or to a new one; gives the report as it is now."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Move it."""
        report = self.get_object()
        version = asked_version(request, current=report.version)
        asked = validated(MoveRequest, request.data)
        report = move_bug_report(
            report=report,
            to=self._incident(asked["incident"]),
            user=self.person,
            by=actor_of(request),
            at=timezone.now(),
            because=asked["because"],
            version=version,
        )
        data = self.get_serializer(report).data
        return created(data, location=data["links"]["incident"])

    def _incident(self, number: int | None) -> Incident | None:
        if number is None:
            return None
        incident = visible_incidents(self.person).filter(pk=number).first()
        if incident is None:
            raise InvalidFields([("incident", "There is no such incident; GET /api/v1/incidents/ lists them.")])
        return incident
