"""What the stack of an incident logged itself, as its runs saw it: beside the trail, and outside of its tree."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.kept import represent
from awe_incidents.api.v1.links import link
from awe_incidents.api.views import ScopedView
from awe_incidents.incidents.models import Incident
from awe_incidents.incidents.queries import visible_incidents
from awe_incidents.incidents.stack_events import MAX_RUNS, StackEvent, stack_events
from diagnostics.probes.security_events import Kind

MAX_EVENTS = 1_000


class SeenBySerializer(serializers.Serializer[Any]):
    """A run that saw it, and where."""

    run = serializers.IntegerField(min_value=1)
    run_url = serializers.URLField()
    evidence_url = serializers.URLField()


class StackEventSerializer(serializers.Serializer[Any]):
    """An event of the stack's own security log, or several that nothing tells apart."""

    occurred_at = serializers.DateTimeField(help_text="By the clock of that log.")
    kind = serializers.ChoiceField(choices=[str(one) for one in Kind])
    user = serializers.CharField(
        allow_null=True, help_text="A mark that is equal for equal users of the stack; null where none was named."
    )
    address = serializers.CharField(allow_null=True)
    log = serializers.CharField(help_text="Where it stands there.")
    times = serializers.IntegerField(min_value=1)
    seen_by = SeenBySerializer(many=True)


class StackEventsSerializer(serializers.Serializer[Any]):
    """Events of a stack's own log. Nobody signed them, and no proof covers them."""

    incident = serializers.IntegerField(min_value=1)
    in_tree = serializers.BooleanField(help_text="Always false: the trail's tree knows nothing of them.")
    runs = serializers.IntegerField(help_text="How many of the newest runs of the incident were looked at, at most.")
    is_cut = serializers.BooleanField(help_text=f"There are more than {MAX_EVENTS:,}; the newest are here.")
    events = StackEventSerializer(many=True)


class StackEvents(ScopedView):
    """The stack's own security log of an incident."""

    serializer_class = StackEventsSerializer
    scopes: ClassVar = {"GET": Scope.AUDIT_READ}

    def get_queryset(self) -> QuerySet[Incident]:
        """Start from what the caller may see."""
        return visible_incidents(self.person)

    @extend_schema(operation_id="list_stack_events")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give the logins, refusals and lockouts that runs of an incident saw in its stack's own log, newest first."""
        incident = self.get_object()
        found = stack_events(incident.pk, self.person)
        told = {
            "incident": incident.pk,
            "in_tree": False,
            "runs": MAX_RUNS,
            "is_cut": len(found) > MAX_EVENTS,
            "events": [_as_told(one, request) for one in found[:MAX_EVENTS]],
        }
        return Response(represent(StackEventsSerializer, told))


def _as_told(event: StackEvent, request: Request) -> dict[str, Any]:
    sample = event.sample
    return {
        "occurred_at": event.at,
        "kind": str(sample.kind),
        "user": sample.user or None,
        "address": sample.address or None,
        "log": event.source,
        "times": event.times,
        "seen_by": [
            {
                "run": one.run_id,
                "run_url": link(request, "run", id=one.run_id),
                "evidence_url": link(request, "evidence", id=one.evidence_id),
            }
            for one in event.seen_by
        ],
    }
