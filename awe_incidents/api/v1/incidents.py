"""Incidents: what triage works on, their histories and their steps."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.pagination import OldestFirst
from awe_incidents.api.schema import IDEMPOTENCY_KEY
from awe_incidents.api.v1.links import link
from awe_incidents.api.views import CreateView, ScopedView, created
from awe_incidents.incidents.models import Incident, TimelineEntry
from awe_incidents.incidents.operations import move_incident, open_incident
from awe_incidents.incidents.queries import visible_incidents, visible_timeline
from awe_incidents.incidents.states import TRANSITIONS
from diagnostics.queries import stack_named


class IncidentLinks(serializers.Serializer[Any]):
    """Where to go on from an incident."""

    self = serializers.URLField()
    timeline = serializers.URLField()
    runs = serializers.URLField()
    bug_reports = serializers.URLField()


class IncidentSerializer(serializers.ModelSerializer[Incident]):
    """An incident."""

    stack = serializers.CharField(source="stack.name", read_only=True)
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
            "opened_at",
            "changed_at",
            "version",
            "links",
        ]
        read_only_fields = fields

    @extend_schema_field(IncidentLinks)
    def get_links(self, incident: Incident) -> dict[str, str]:
        """Give the addresses that belong to the incident."""
        request = self.context["request"]
        return {
            "self": link(request, "incident", id=incident.pk),
            "timeline": link(request, "incident-timeline", id=incident.pk),
            "runs": link(request, "incident-runs", id=incident.pk),
            "bug_reports": f"{link(request, 'bug-reports')}?incident={incident.pk}",
        }


class IncidentRequest(serializers.Serializer[Any]):
    """An incident that an operator opens without a bug report."""

    stack = serializers.CharField(max_length=63)
    title = serializers.CharField(max_length=200)


class TransitionRequest(serializers.Serializer[Any]):
    """One step of an incident."""

    action = serializers.ChoiceField(choices=sorted(TRANSITIONS))
    because = serializers.CharField(required=False, default="", allow_blank=True, max_length=2000)
    version = serializers.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, help_text="Refuse the step when the incident has moved on."
    )


class TimelineEntrySerializer(serializers.ModelSerializer[TimelineEntry]):
    """A line of an incident's history."""

    class Meta:
        model = TimelineEntry
        fields = ["id", "kind", "text", "actor", "data", "occurred_at", "recorded_at"]
        read_only_fields = fields


class _VisibleIncidents(ScopedView):
    """Views that start from the incidents that the caller may see."""

    serializer_class: Any = IncidentSerializer

    def get_queryset(self) -> QuerySet[Incident]:
        """Start from what the caller may see."""
        return visible_incidents(self.person)


class IncidentList(ListModelMixin, _VisibleIncidents, CreateView):
    """Incidents."""

    filterset_fields: ClassVar = {"stack__name": ["exact"], "state": ["exact"], "severity": ["exact"]}
    scopes: ClassVar = {"GET": Scope.INCIDENTS_READ, "POST": Scope.INCIDENTS_WRITE}

    @extend_schema(operation_id="list_incidents")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List incidents, newest first."""
        return self.list(request, *args, **kwargs)

    @extend_schema(
        operation_id="open_incident",
        request=IncidentRequest,
        responses={201: IncidentSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Open an incident without a bug report."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Open the incident."""
        asked = IncidentRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        incident = open_incident(
            stack=stack_named(asked.validated_data["stack"]),
            title=asked.validated_data["title"],
            user=self.person,
            by=actor_of(request),
            at=timezone.now(),
        )
        data = self.get_serializer(incident).data
        return created(data, location=data["links"]["self"])


class IncidentDetail(RetrieveModelMixin, _VisibleIncidents):
    """One incident."""

    scopes: ClassVar = {"GET": Scope.INCIDENTS_READ}

    @extend_schema(operation_id="get_incident")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one incident."""
        return self.retrieve(request, *args, **kwargs)


class IncidentTimeline(ListModelMixin, ScopedView):
    """An incident's history."""

    serializer_class = TimelineEntrySerializer
    pagination_class = OldestFirst
    scopes: ClassVar = {"GET": Scope.INCIDENTS_READ}

    def get_queryset(self) -> QuerySet[TimelineEntry]:
        """Start from a visible incident."""
        if getattr(self, "swagger_fake_view", False):
            return TimelineEntry.objects.none()
        incident = get_object_or_404(visible_incidents(self.person), pk=self.kwargs["id"])
        return visible_timeline(incident, self.person)

    @extend_schema(operation_id="list_timeline")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List an incident's history, oldest first."""
        return self.list(request, *args, **kwargs)


class IncidentTransitions(_VisibleIncidents, CreateView):
    """Steps of an incident: acknowledge, resolve, reopen, close."""

    scopes: ClassVar = {"POST": Scope.INCIDENTS_WRITE}

    @extend_schema(
        operation_id="move_incident",
        request=TransitionRequest,
        responses={201: IncidentSerializer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take one step."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take the step."""
        incident = self.get_object()
        asked = TransitionRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        incident = move_incident(
            incident=incident, user=self.person, by=actor_of(request), at=timezone.now(), **asked.validated_data
        )
        data = self.get_serializer(incident).data
        return created(data, location=data["links"]["self"])
