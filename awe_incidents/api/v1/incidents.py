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
from awe_incidents.api.choices import (
    CATEGORIES,
    CLASSIFICATION_SOURCES,
    INCIDENT_ACTIONS,
    SEVERITIES,
    choice_or_empty,
)
from awe_incidents.api.fields import SAYS_SOMETHING, Choice, Fields, StackNamed, Text
from awe_incidents.api.kept import validated
from awe_incidents.api.preconditions import TaggedDetail, asked_version
from awe_incidents.api.v1.incident_lists import IncidentPages, IncidentParameters
from awe_incidents.api.v1.links import link
from awe_incidents.api.v1.suggestions import SuggestionSerializer, shown_suggestion
from awe_incidents.api.views import NOT_REDACTED, CreateView, ListView, ScopedView, created
from awe_incidents.incidents.disclosure import title_for
from awe_incidents.incidents.errors import (
    ChecksNotPassed,
    ReasonRequired,
    RoleRequired,
    SearchTooBroad,
    TransitionNotAllowed,
)
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.operations import classify_incident, move_incident, open_incident
from awe_incidents.incidents.queries import visible_incidents
from awe_incidents.incidents.suggestions import sources_of

COMPLETENESS = {
    "type": ["integer", "null"],
    "minimum": 0,
    "maximum": 100,
    "description": "Of the best bug report on it that you may see; null without one.",
}
SOURCE = {
    "type": "string",
    "enum": ["", *(word for word, _ in CLASSIFICATION_SOURCES)],
    "description": "Who said so; what a person said, also that it has none, no diagnosis changes.",
}


MAX_REASON = 2_000


class IncidentLinks(serializers.Serializer[Any]):
    """Where to go on from an incident."""

    self = serializers.URLField()
    timeline = serializers.URLField()
    runs = serializers.URLField()
    diagnosis = serializers.URLField()
    similar = serializers.URLField()
    bug_reports = serializers.URLField()


class IncidentSerializer(serializers.ModelSerializer[Incident]):
    """An incident."""

    stack = serializers.CharField(source="stack.name", read_only=True)
    title = serializers.SerializerMethodField(
        help_text="In the words of whose report opened it, and `Incident` and its number for others who reported the "
        "same; or what the scheduled run found that opened it."
    )
    severity = choice_or_empty(SEVERITIES, "How bad it is; empty until a person or a diagnosis said so.")
    severity_source = serializers.SerializerMethodField()
    category = choice_or_empty(CATEGORIES, "Which kind of problem it is; empty until a person or a diagnosis said so.")
    category_source = serializers.SerializerMethodField()
    suggestion = serializers.SerializerMethodField()
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
            "severity_source",
            "category",
            "category_source",
            "suggestion",
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

    @extend_schema_field(SOURCE)
    def get_severity_source(self, incident: Incident) -> str:
        """Give who said how bad it is."""
        return sources_of(incident)["severity"]

    @extend_schema_field(SOURCE)
    def get_category_source(self, incident: Incident) -> str:
        """Give who said what it is about."""
        return sources_of(incident)["category"]

    @extend_schema_field(SuggestionSerializer(allow_null=True))
    def get_suggestion(self, incident: Incident) -> Any:
        """Give what the service suggests; null while no run has found a cause."""
        return shown_suggestion(incident, self.context["request"])

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
            "similar": link(request, "incident-similar", id=incident.pk),
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
    despite_failed_checks = Text(
        required=False,
        default="",
        allow_blank=True,
        max_length=MAX_REASON,
        help_text="Why it is resolved though checks that failed have not passed since; the trail keeps it.",
    )


@extend_schema_serializer(component_name="Classification")
class ClassificationRequest(Fields):
    """How bad an incident is and what it is about; what is not given stays, and an empty word takes it back."""

    severity = Choice(required=False, choices=SEVERITIES, allow_blank=True)
    category = Choice(required=False, choices=CATEGORIES, allow_blank=True)
    because = Text(required=False, default="", allow_blank=True, max_length=MAX_REASON)


class VisibleIncidents(ScopedView):
    """Views that start from the incidents that the caller may see."""

    serializer_class: Any = IncidentSerializer

    def get_queryset(self) -> QuerySet[Incident]:
        """Start from what the caller may see."""
        return visible_incidents(self.person)


class IncidentList(VisibleIncidents, ListView, CreateView):
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


class IncidentDetail(VisibleIncidents, TaggedDetail):
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
        classify_incident(
            incident=incident,
            user=self.person,
            by=actor_of(request),
            at=timezone.now(),
            version=version,
            **said,
        )
        return self.tagged(self.get_object())


class IncidentTransitions(VisibleIncidents, CreateView):
    """Steps of an incident: acknowledge, resolve, reopen, close."""

    scopes: ClassVar = {"POST": Scope.INCIDENTS_WRITE}
    conditional: ClassVar = frozenset({"POST"})
    refusals: ClassVar = {"POST": (RoleRequired, TransitionNotAllowed, ReasonRequired, ChecksNotPassed, *NOT_REDACTED)}

    @extend_schema(operation_id="move_incident", request=TransitionRequest, responses={201: IncidentSerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take one step; an incident is resolved when what failed has passed since, or with a reason why not."""
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
