"""Incidents: what triage works on, and their steps."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of, person_of
from awe_incidents.api.choices import CATEGORIES, INCIDENT_ACTIONS, SEVERITIES, choice_or_empty
from awe_incidents.api.fields import SAYS_SOMETHING, Choice, Fields, StackNamed, Text
from awe_incidents.api.kept import validated
from awe_incidents.api.preconditions import TaggedDetail, asked_version
from awe_incidents.api.v1.incident_lists import IncidentPages, IncidentParameters
from awe_incidents.api.v1.links import link
from awe_incidents.api.views import NOT_REDACTED, CreateView, ListView, ScopedView, created
from awe_incidents.incidents.disclosure import title_for
from awe_incidents.incidents.errors import ReasonRequired, RoleRequired, SearchTooBroad, TransitionNotAllowed
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.operations import classify_incident, move_incident, open_incident
from awe_incidents.incidents.queries import visible_incidents
from awe_incidents.incidents.states import Category, Severity

COMPLETENESS = {
    "type": ["integer", "null"],
    "minimum": 0,
    "maximum": 100,
    "description": "Of the best bug report on it that you may see; null without one.",
}


MAX_REASON = 2_000


class IncidentLinks(serializers.Serializer[Any]):
    """Where to go on from an incident."""

    self = serializers.URLField()
    timeline = serializers.URLField()
    runs = serializers.URLField()
    diagnosis = serializers.URLField()
    bug_reports = serializers.URLField()


class IncidentSerializer(serializers.ModelSerializer[Incident]):
    """An incident."""

    stack = serializers.CharField(source="stack.name", read_only=True)
    title = serializers.SerializerMethodField(
        help_text="In the words of whose report opened it; `Incident` and its number for others who reported the same."
    )
    severity = choice_or_empty(SEVERITIES, "How bad it is; empty until somebody said so.")
    category = choice_or_empty(CATEGORIES, "Which kind of problem it is; empty until somebody said so.")
    completeness = serializers.SerializerMethodField()
    reports_removed_at = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="When the stack's retention last took a report; null before."
    )
    links = serializers.SerializerMethodField()

    class Meta:
        model = Incident
        fields = [
            "id",
            "stack",
            "title",
            "state",
            "severity",
            "category",
            "completeness",
            "opened_at",
            "changed_at",
            "version",
            "reports_removed_at",
            "links",
        ]
        read_only_fields = fields

    @extend_schema_field(COMPLETENESS)
    def get_completeness(self, incident: Incident) -> int | None:
        """Give what the query found; an incident that was just opened has no reports."""
        return getattr(incident, "completeness", None)

    def get_title(self, incident: Incident) -> str:
        """Give the title as the caller may read it."""
        return title_for(incident, person_of(self.context["request"]))

    @extend_schema_field(IncidentLinks)
    def get_links(self, incident: Incident) -> dict[str, str]:
        """Give the addresses that belong to the incident."""
        request = self.context["request"]
        return {
            "self": link(request, "incident", id=incident.pk),
            "timeline": link(request, "incident-timeline", id=incident.pk),
            "runs": link(request, "incident-runs", id=incident.pk),
            "diagnosis": link(request, "incident-diagnosis", id=incident.pk),
            "bug_reports": f"{link(request, 'bug-reports')}?incident={incident.pk}",
        }


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": 200, "pattern": SAYS_SOMETHING})
class Title(Text):
    """What is wrong, in one line."""


@extend_schema_serializer(component_name="Incident")
class IncidentRequest(Fields):
    """An incident that an operator opens without a bug report."""

    stack = StackNamed()
    title = Title(max_length=200, trim_whitespace=True)


@extend_schema_serializer(component_name="Transition")
class TransitionRequest(Fields):
    """One step of an incident."""

    action = Choice(choices=INCIDENT_ACTIONS)
    because = Text(required=False, default="", allow_blank=True, max_length=MAX_REASON)


@extend_schema_serializer(component_name="Classification")
class ClassificationRequest(Fields):
    """How bad an incident is and what it is about; what is not given stays, and an empty word takes it back."""

    severity = Choice(required=False, choices=SEVERITIES, allow_blank=True)
    category = Choice(required=False, choices=CATEGORIES, allow_blank=True)
    because = Text(required=False, default="", allow_blank=True, max_length=MAX_REASON)


class _VisibleIncidents(ScopedView):
    """Views that start from the incidents that the caller may see."""

    serializer_class: Any = IncidentSerializer

    def get_queryset(self) -> QuerySet[Incident]:
        """Start from what the caller may see."""
        return visible_incidents(self.person)


class IncidentList(_VisibleIncidents, ListView, CreateView):
    """Incidents."""

    pagination_class = IncidentPages
    scopes: ClassVar = {"GET": Scope.INCIDENTS_READ, "POST": Scope.INCIDENTS_WRITE}
    parameters: ClassVar = {"GET": IncidentParameters}
    refusals: ClassVar = {"GET": (SearchTooBroad,), "POST": (RoleRequired, *NOT_REDACTED)}

    @extend_schema(operation_id="list_incidents")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List incidents, those opened last first, and search them."""
        return self.list(request, *args, **kwargs)

    @extend_schema(operation_id="open_incident", request=IncidentRequest, responses={201: IncidentSerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Open an incident without a bug report."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Open the incident."""
        asked = validated(IncidentRequest, request.data)
        incident = open_incident(user=self.person, by=actor_of(request), at=timezone.now(), **asked)
        data = self.get_serializer(incident).data
        return created(data, location=data["links"]["self"])


class IncidentDetail(_VisibleIncidents, TaggedDetail):
    """One incident."""

    version_field = "version"
    scopes: ClassVar = {"GET": Scope.INCIDENTS_READ, "PATCH": Scope.INCIDENTS_WRITE}
    conditional: ClassVar = frozenset({"PATCH"})
    refusals: ClassVar = {"PATCH": (RoleRequired, *NOT_REDACTED)}

    @extend_schema(operation_id="get_incident")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one incident."""
        return self.retrieve(request, *args, **kwargs)

    @extend_schema(operation_id="classify_incident", request=ClassificationRequest, responses=IncidentSerializer)
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Say how bad the incident is and what it is about."""
        incident = self.get_object()
        version = asked_version(request, current=incident.version)
        said = validated(ClassificationRequest, request.data)
        because = said["because"]
        severity, category = said.get("severity", incident.severity), said.get("category", incident.category)
        classify_incident(
            incident=incident,
            severity=Severity(severity) if severity else None,
            category=Category(category) if category else None,
            user=self.person,
            by=actor_of(request),
            at=timezone.now(),
            because=because,
            version=incident.version if version is None else version,
        )
        return self.tagged(self.get_object())


class IncidentTransitions(_VisibleIncidents, CreateView):
    """Steps of an incident: acknowledge, resolve, reopen, close."""

    scopes: ClassVar = {"POST": Scope.INCIDENTS_WRITE}
    conditional: ClassVar = frozenset({"POST"})
    refusals: ClassVar = {"POST": (RoleRequired, TransitionNotAllowed, ReasonRequired, *NOT_REDACTED)}

    @extend_schema(operation_id="move_incident", request=TransitionRequest, responses={201: IncidentSerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take one step."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take the step."""
        incident = self.get_object()
        version = asked_version(request, current=incident.version)
        asked = validated(TransitionRequest, request.data)
        move_incident(
            incident=incident,
            user=self.person,
            by=actor_of(request),
            at=timezone.now(),
            version=version,
            **asked,
        )
        data = self.get_serializer(self.get_object()).data
        return created(data, location=data["links"]["self"])
