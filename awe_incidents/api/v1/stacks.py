"""Stacks: which deployments are under care. Descriptions are applied by `manage.py apply_stack`."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.choices import SUITES, VANTAGES, WATCH_STATES
from awe_incidents.api.kept import represent
from awe_incidents.api.v1.links import link
from awe_incidents.api.views import ListView, ScopedView
from awe_incidents.incidents.queries import watch_of
from diagnostics.models import Stack, StackSchedule
from diagnostics.stack.schema import NAME


class StackNameConverter:
    """Names of stacks in addresses; what is no name at all is no address."""

    regex = NAME["pattern"].strip("^$")

    def to_python(self, value: str) -> str:
        """Take it as it is."""
        return value

    def to_url(self, value: str) -> str:
        """Give it as it is."""
        return value


class EmergencyContact(serializers.Serializer[Any]):
    """Whom to call."""

    name = serializers.CharField()
    contact = serializers.CharField(help_text="mailto:, tel: or https: address.")
    role = serializers.CharField(required=False)


class Schedule(serializers.Serializer[Any]):
    """When a stack is looked at by the clock."""

    every_minutes = serializers.IntegerField(min_value=1)
    suite = serializers.ChoiceField(choices=SUITES)
    open_incidents = serializers.BooleanField(
        help_text="When the stack turns unhealthy: one, until it was healthy again."
    )
    due_at = serializers.DateTimeField(
        help_text="When the next run is requested; in the past while one of the schedule goes."
    )
    health = serializers.ChoiceField(
        choices=WATCH_STATES,
        allow_null=True,
        help_text="What its runs say of the stack; `doubtful` once something failed without a known cause, null before "
        "the first.",
    )
    health_since = serializers.DateTimeField(allow_null=True)


class StackSerializer(serializers.ModelSerializer[Stack]):
    """A stack without the particulars of its description."""

    url = serializers.SerializerMethodField()
    vantage = serializers.ChoiceField(source="document.vantage", choices=VANTAGES, read_only=True)
    description = serializers.SerializerMethodField()
    services = serializers.SerializerMethodField()
    emergency_contacts = serializers.SerializerMethodField()
    schedule = serializers.SerializerMethodField()

    class Meta:
        model = Stack
        fields = [
            "name",
            "url",
            "environment",
            "vantage",
            "description",
            "services",
            "emergency_contacts",
            "schedule",
            "applied_at",
        ]
        read_only_fields = fields

    def get_url(self, stack: Stack) -> str:
        """Give the stack's address."""
        return link(self.context["request"], "stack", name=stack.name)

    def get_description(self, stack: Stack) -> str:
        """Give the description's own words."""
        return str(stack.document.get("description", ""))

    def get_services(self, stack: Stack) -> list[str]:
        """Give the names of the services."""
        return sorted(stack.document["services"])

    @extend_schema_field(EmergencyContact(many=True))
    def get_emergency_contacts(self, stack: Stack) -> list[dict[str, str]]:
        """Give whom to call."""
        return list(stack.document.get("emergency_contacts", []))

    @extend_schema_field(Schedule(allow_null=True))
    def get_schedule(self, stack: Stack) -> dict[str, Any] | None:
        """Give the schedule, null where nothing looks by itself."""
        schedule: StackSchedule | None = getattr(stack, "schedule", None)
        if schedule is None:
            return None
        watch = watch_of(schedule)
        told = {
            "every_minutes": schedule.every_minutes,
            "suite": schedule.suite,
            "open_incidents": schedule.opens_incidents,
            "due_at": schedule.due_at,
            "health": watch.state if watch else None,
            "health_since": watch.since if watch else None,
        }
        return represent(Schedule, told)


class StackList(ListView):
    """Stacks under care."""

    queryset = Stack.objects.select_related("schedule", "watch")
    serializer_class = StackSerializer
    scopes: ClassVar = {"GET": Scope.STACKS_READ}

    @extend_schema(operation_id="list_stacks")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the stacks."""
        return self.list(request, *args, **kwargs)


class StackDetail(RetrieveModelMixin, ScopedView):
    """One stack."""

    queryset = Stack.objects.select_related("schedule", "watch")
    serializer_class = StackSerializer
    lookup_field = lookup_url_kwarg = "name"
    scopes: ClassVar = {"GET": Scope.STACKS_READ}

    @extend_schema(
        operation_id="get_stack", parameters=[OpenApiParameter("name", NAME, location=OpenApiParameter.PATH)]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one stack."""
        return self.retrieve(request, *args, **kwargs)
