"""Maintenance windows: times of the week in which what takes four eyes may start; declared, listed, and closed."""

from __future__ import annotations

from datetime import time
from re import fullmatch
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.fields import Fields, StackNamed, WholeNumber
from awe_incidents.api.kept import validated
from awe_incidents.api.v1.freezes import StackParameters
from awe_incidents.api.v1.links import link
from awe_incidents.api.v1.recovery_forms import Why
from awe_incidents.api.v1.report_forms import MAX_REASON
from awe_incidents.api.views import NOT_REDACTED, CreateView, ListView, ScopedView, created
from awe_incidents.recovery.errors import AlreadyLifted, ReasonRequired, RoleRequired, TimesNotAllowed
from awe_incidents.recovery.freezes import MaintenanceWindow
from awe_incidents.recovery.operations import close_window, declare_window
from awe_incidents.recovery.operations.freezing import WEEK_MINUTES
from awe_incidents.recovery.queries import maintenance_windows

CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
CLOCK_SCHEMA = {"type": "string", "pattern": CLOCK, "description": "In UTC, such as 02:30."}


class MaintenanceWindowSerializer(serializers.ModelSerializer[MaintenanceWindow]):
    """A time of the week."""

    url = serializers.SerializerMethodField()
    stack = serializers.CharField(source="stack.name", read_only=True)
    weekday = serializers.IntegerField(min_value=1, max_value=7, read_only=True, help_text="In UTC; 1 is Monday.")
    opens_at = serializers.SerializerMethodField()
    minutes = serializers.IntegerField(min_value=1, max_value=WEEK_MINUTES, read_only=True)
    declared_by = serializers.CharField(source="person.username", read_only=True)
    closed_by = serializers.SerializerMethodField()

    class Meta:
        model = MaintenanceWindow
        fields = [
            "id",
            "url",
            "stack",
            "weekday",
            "opens_at",
            "minutes",
            "declared_by",
            "declared_at",
            "because",
            "closed_at",
            "closed_by",
            "closed_because",
        ]
        read_only_fields = fields

    @extend_schema_field(CLOCK_SCHEMA)
    def get_opens_at(self, row: MaintenanceWindow) -> str:
        """Give the time of the day."""
        return f"{row.opens_at:%H:%M}"

    def get_url(self, row: MaintenanceWindow) -> str:
        """Give its address."""
        return link(self.context["request"], "maintenance-window", id=row.pk)

    def get_closed_by(self, row: MaintenanceWindow) -> str:
        """Give who closed it for good, empty where nobody did."""
        return row.closed_by.username if row.closed_by else ""


@extend_schema_field(CLOCK_SCHEMA)
class ClockTime(serializers.Field[time, str, str, str]):
    """A time of the day."""

    default_error_messages = {"invalid": "This is no time of the form 02:30."}

    def to_internal_value(self, data: str) -> time:
        """Take hours and minutes."""
        return time.fromisoformat(data) if isinstance(data, str) and fullmatch(CLOCK, data) else self.fail("invalid")


@extend_schema_serializer(component_name="MaintenanceWindowDeclared")
class WindowForm(Fields):
    """When, for how long, and why."""

    stack = StackNamed()
    weekday = WholeNumber(min_value=1, max_value=7, help_text="In UTC; 1 is Monday.")
    opens_at = ClockTime()
    minutes = WholeNumber(min_value=1, max_value=WEEK_MINUTES)
    because = Why(max_length=MAX_REASON)


@extend_schema_serializer(component_name="MaintenanceWindowClosing")
class ClosingForm(Fields):
    """Why it is taken back."""

    because = Why(max_length=MAX_REASON)


class MaintenanceWindowList(ListView, CreateView):
    """Maintenance windows."""

    serializer_class = MaintenanceWindowSerializer
    scopes: ClassVar = {"GET": Scope.RECOVERY_READ, "POST": Scope.RECOVERY_APPROVE}
    parameters: ClassVar = {"GET": StackParameters}
    filters: ClassVar = {"stack": "stack_id"}
    refusals: ClassVar = {"POST": (RoleRequired, ReasonRequired, TimesNotAllowed, *NOT_REDACTED)}

    def get_queryset(self) -> QuerySet[MaintenanceWindow]:
        """Start from all of them."""
        return maintenance_windows()

    @extend_schema(operation_id="list_maintenance_windows")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List maintenance windows, newest first, also those that are closed for good."""
        return self.list(request, *args, **kwargs)

    @extend_schema(
        operation_id="declare_maintenance_window", request=WindowForm, responses={201: MaintenanceWindowSerializer}
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Declare a window of the week: with the first of a stack, tiers 2 and 3 start in windows only."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Declare it."""
        asked = validated(WindowForm, request.data)
        made = declare_window(user=self.person, by=actor_of(request), at=timezone.now(), **asked)
        data = self.get_serializer(made).data
        return created(data, location=data["url"])


class MaintenanceWindowDetail(RetrieveModelMixin, ScopedView):
    """One window."""

    serializer_class = MaintenanceWindowSerializer
    scopes: ClassVar = {"GET": Scope.RECOVERY_READ}

    def get_queryset(self) -> QuerySet[MaintenanceWindow]:
        """Start from all of them."""
        return maintenance_windows()

    @extend_schema(operation_id="get_maintenance_window")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one maintenance window."""
        return self.retrieve(request, *args, **kwargs)


class MaintenanceWindowClosing(CreateView):
    """The end of a window for good."""

    serializer_class = MaintenanceWindowSerializer
    scopes: ClassVar = {"POST": Scope.RECOVERY_APPROVE}
    refusals: ClassVar = {"POST": (RoleRequired, ReasonRequired, AlreadyLifted, *NOT_REDACTED)}

    def get_queryset(self) -> QuerySet[MaintenanceWindow]:
        """Start from all of them."""
        return maintenance_windows()

    @extend_schema(
        operation_id="close_maintenance_window", request=ClosingForm, responses={201: MaintenanceWindowSerializer}
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Take a window back; without any, tiers 2 and 3 start at any time again."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Close it."""
        found, asked = self.get_object(), validated(ClosingForm, request.data)
        closed = close_window(window=found, user=self.person, by=actor_of(request), at=timezone.now(), **asked)
        data = self.get_serializer(closed).data
        return created(data, location=data["url"])
