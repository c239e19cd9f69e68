"""Histories of incidents."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import person_of
from awe_incidents.api.choices import INCIDENT_STATES
from awe_incidents.api.pagination import OldestFirst
from awe_incidents.api.v1.results import CountsField
from awe_incidents.api.views import ListView
from awe_incidents.incidents.disclosure import actor_for
from awe_incidents.incidents.models import TimelineEntry
from awe_incidents.incidents.queries import visible_incidents, visible_timeline
from awe_incidents.incidents.suggestions import CLASSIFIED

_SAID = {"type": "object", "properties": {name: {"type": "string"} for name in CLASSIFIED}, "required": [*CLASSIFIED]}
_STATE = {"type": "string", "enum": [word for word, _ in INCIDENT_STATES]}


@extend_schema_field(_SAID)
class SaidField(serializers.JSONField):
    """Severity and category."""


@extend_schema_field({"oneOf": [_STATE, _SAID], "description": "The state before a step, or severity and category."})
class BeforeField(serializers.JSONField):
    """What was before."""


class TimelineData(serializers.Serializer[Any]):
    """What a line is about, by ids; which of them are there depends on its kind."""

    report = serializers.IntegerField(required=False)
    incident = serializers.IntegerField(required=False, help_text="From where, or to where, a report was moved.")
    revision = serializers.IntegerField(required=False)
    run = serializers.IntegerField(required=False)
    suite = serializers.CharField(required=False)
    counts = CountsField(required=False)
    score = serializers.FloatField(required=False, min_value=0, max_value=1)
    words = serializers.ListField(child=serializers.CharField(), required=False)
    cause = serializers.CharField(required=False, allow_blank=True, help_text="The likeliest one that a run found.")
    suggested = SaidField(required=False, help_text="What that cause suggests.")
    to = SaidField(required=False, help_text="Severity and category as they are since then.")


TimelineData._declared_fields["from"] = BeforeField(required=False)  # the word is taken in Python


@extend_schema_field(TimelineData)
class TimelineDataField(serializers.JSONField):
    """The data as stored."""


class TimelineEntrySerializer(serializers.ModelSerializer[TimelineEntry]):
    """A line of an incident's history."""

    actor = serializers.SerializerMethodField(
        help_text="Who did it; `user:somebody` where that would tell a reporter who else reported the same."
    )
    data = TimelineDataField(read_only=True)  # type: ignore[assignment]

    class Meta:
        model = TimelineEntry
        fields = ["id", "kind", "text", "actor", "data", "occurred_at", "recorded_at"]
        read_only_fields = fields

    def get_actor(self, entry: TimelineEntry) -> str:
        """Give the actor as the caller may read it."""
        return actor_for(entry, person_of(self.context["request"]))


class IncidentTimeline(ListView):
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
        """List an incident's history in the order of recording."""
        return self.list(request, *args, **kwargs)
