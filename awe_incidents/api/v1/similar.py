"""Incidents of the past that are similar to one, and how they were resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.models import User
from awe_incidents.accounts.roles import Scope
from awe_incidents.api.choices import INCIDENT_STATES
from awe_incidents.api.fields import WholeNumber
from awe_incidents.api.kept import represent
from awe_incidents.api.parameters import Parameters
from awe_incidents.api.v1.incidents import VisibleIncidents
from awe_incidents.api.v1.links import link
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.similar import MAX_SIMILAR, Similar, similar_incidents, traits_of

MOST_SIMILAR = 50


class ResolutionSerializer(serializers.Serializer[Any]):
    """How an incident was resolved, the last time that it was."""

    because = serializers.CharField(help_text="The reason that was given.")
    by = serializers.CharField()
    at = serializers.DateTimeField()


class SimilarIncident(serializers.Serializer[Any]):
    """An incident that is similar, why, and what became of it."""

    id = serializers.IntegerField(min_value=1)
    url = serializers.URLField()
    stack = serializers.CharField()
    title = serializers.CharField()
    state = serializers.ChoiceField(choices=INCIDENT_STATES)
    opened_at = serializers.DateTimeField()
    score = serializers.FloatField(min_value=0, max_value=1)
    cause = serializers.CharField(allow_blank=True, help_text="Its likeliest cause; empty while none was found.")
    same_cause = serializers.BooleanField()
    same_subject = serializers.BooleanField(help_text="The cause is about the same service, file, host or account.")
    signatures = serializers.ListField(child=serializers.CharField(), help_text="Known log lines that both have.")
    resolution = ResolutionSerializer(allow_null=True, help_text="Null while it waits for somebody.")


class SimilarIncidents(serializers.Serializer[Any]):
    """What an incident is compared by, and what is similar to it, the most similar first."""

    incident = serializers.IntegerField(min_value=1)
    cause = serializers.CharField(allow_blank=True)
    subject = serializers.CharField(allow_blank=True)
    signatures = serializers.ListField(child=serializers.CharField())
    results = SimilarIncident(many=True)


class SimilarParameters(Parameters):
    """How many."""

    limit = WholeNumber(required=False, min_value=1, max_value=MOST_SIMILAR, default=MAX_SIMILAR)


class IncidentSimilar(VisibleIncidents):
    """Similar incidents of one."""

    serializer_class = SimilarIncidents
    scopes: ClassVar = {"GET": Scope.INCIDENTS_READ}
    parameters: ClassVar = {"GET": SimilarParameters}

    @extend_schema(operation_id="list_similar_incidents")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give other incidents with the same likeliest cause or known log lines, and how they were resolved."""
        incident = self.get_object()
        traits = traits_of(incident)
        shown = {
            "incident": incident.pk,
            "cause": traits.cause,
            "subject": traits.subject,
            "signatures": sorted(traits.signatures),
            "results": shown_similar(incident, self.person, request, limit=self.asked["limit"]),
        }
        return Response(represent(SimilarIncidents, shown))


def shown_similar(
    incident: Incident, user: User, request: Request, *, limit: int = MAX_SIMILAR
) -> list[Mapping[str, Any]]:
    """Give similar incidents as answers show them."""
    return [_shown(one, request) for one in similar_incidents(incident, user, limit=limit)]


def _shown(one: Similar, request: Request) -> Mapping[str, Any]:
    incident: Any = one.incident
    return {
        "id": incident.pk,
        "url": link(request, "incident", id=incident.pk),
        "stack": incident.stack.name,
        "title": incident.shown_title,
        "state": incident.state,
        "opened_at": incident.opened_at,
        "cause": one.cause,
        **asdict(one.similarity),
        "resolution": asdict(one.resolution) if one.resolution else None,
    }
