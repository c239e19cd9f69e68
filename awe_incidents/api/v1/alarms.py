"""Alarms of reconciliation: executed and never approved, approved and never executed; listed and settled."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.choices import ALARM_KINDS, ALARM_STATES, EVENT_CAUSES
from awe_incidents.api.fields import Choice, Fields
from awe_incidents.api.kept import validated
from awe_incidents.api.pagination import OldestFirst
from awe_incidents.api.v1.freezes import StackParameters
from awe_incidents.api.v1.links import link
from awe_incidents.api.v1.recovery_forms import Why
from awe_incidents.api.v1.report_forms import MAX_REASON
from awe_incidents.api.views import NOT_REDACTED, CreateView, ListView, ScopedView, created
from awe_incidents.reconciliation.errors import AlarmSettled, OwnAlarm, SettlingUnsaid
from awe_incidents.reconciliation.models import Alarm, JudgedEvent
from awe_incidents.reconciliation.operations import settle_alarm
from awe_incidents.reconciliation.queries import alarms, events_of
from awe_incidents.recovery.errors import RoleRequired


class AlarmSerializer(serializers.ModelSerializer[Alarm]):
    """Something to look into."""

    url = serializers.SerializerMethodField()
    stack = serializers.CharField(source="stack.name", read_only=True)
    kind = serializers.ChoiceField(choices=ALARM_KINDS, read_only=True)
    events = serializers.IntegerField(read_only=True, help_text="How many events of the engine it tells of.")
    request = serializers.IntegerField(
        source="request_id", read_only=True, allow_null=True, help_text="The recovery request that it is about."
    )
    settled_by = serializers.SerializerMethodField()
    manual_action = serializers.IntegerField(
        source="settled_by_id", read_only=True, allow_null=True, help_text="What was done by hand, and explains it."
    )

    class Meta:
        model = Alarm
        fields = [
            "id",
            "url",
            "stack",
            "kind",
            "says",
            "first_at",
            "last_at",
            "events",
            "request",
            "raised_at",
            "settled_at",
            "settled_by",
            "settled_because",
            "manual_action",
        ]
        read_only_fields = fields

    def get_url(self, row: Alarm) -> str:
        """Give its address."""
        return link(self.context["request"], "alarm", id=row.pk)

    def get_settled_by(self, row: Alarm) -> str:
        """Give who settled it, empty where no person did: it is open or over, or the trail names a command."""
        return row.settler.username if row.settler else ""


class EventSerializer(serializers.ModelSerializer[JudgedEvent]):
    """An event that changed a container, and what it was put down to."""

    cause = serializers.ChoiceField(choices=EVENT_CAUSES, read_only=True)
    signal = serializers.IntegerField(min_value=0, read_only=True, help_text="Of a kill; else 0.")
    follows = serializers.BooleanField(read_only=True, help_text="It follows from another event, which is told of.")
    execution = serializers.IntegerField(source="execution_id", read_only=True, allow_null=True)
    manual_action = serializers.IntegerField(source="manual_action_id", read_only=True, allow_null=True)

    class Meta:
        model = JudgedEvent
        fields = [
            "id",
            "at",
            "action",
            "service",
            "name",
            "container",
            "signal",
            "cause",
            "follows",
            "execution",
            "manual_action",
        ]
        read_only_fields = fields


@extend_schema_serializer(component_name="AlarmSettling")
class SettlingForm(Fields):
    """What was found, and why that is the end of it."""

    because = Why(max_length=MAX_REASON)


class AlarmParameters(StackParameters):
    """Which of them."""

    kind = Choice(required=False, choices=ALARM_KINDS)
    state = Choice(required=False, choices=ALARM_STATES)


class AlarmList(ListView):
    """Alarms."""

    serializer_class = AlarmSerializer
    scopes: ClassVar = {"GET": Scope.RECOVERY_READ}
    parameters: ClassVar = {"GET": AlarmParameters}
    filters: ClassVar = {"stack": "stack_id", "kind": "kind"}

    def get_queryset(self) -> QuerySet[Alarm]:
        """Start from those of the state that was asked for."""
        state = self.asked.get("state")
        return alarms().filter(settled_at__isnull=state == "open") if state else alarms()

    @extend_schema(operation_id="list_alarms")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List alarms, newest first, settled ones too."""
        return self.list(request, *args, **kwargs)


class AlarmDetail(RetrieveModelMixin, ScopedView):
    """One alarm."""

    serializer_class = AlarmSerializer
    scopes: ClassVar = {"GET": Scope.RECOVERY_READ}

    def get_queryset(self) -> QuerySet[Alarm]:
        """Start from all of them."""
        return alarms()

    @extend_schema(operation_id="get_alarm")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one alarm."""
        return self.retrieve(request, *args, **kwargs)


class AlarmEvents(ListView):
    """What the engine told of what an alarm is about."""

    serializer_class = EventSerializer
    pagination_class = OldestFirst
    scopes: ClassVar = {"GET": Scope.RECOVERY_READ}

    def get_queryset(self) -> QuerySet[JudgedEvent]:
        """Start from the alarm's."""
        if getattr(self, "swagger_fake_view", False):
            return JudgedEvent.objects.none()
        return events_of(get_object_or_404(alarms(), pk=self.kwargs["id"]))

    @extend_schema(operation_id="list_alarm_events")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the events: of what nobody approved those that nobody explains, of an execution those that it left."""
        return self.list(request, *args, **kwargs)


class AlarmSettling(CreateView):
    """The end of an alarm."""

    serializer_class = AlarmSerializer
    scopes: ClassVar = {"POST": Scope.RECOVERY_APPROVE}
    refusals: ClassVar = {"POST": (RoleRequired, OwnAlarm, AlarmSettled, SettlingUnsaid, *NOT_REDACTED)}

    def get_queryset(self) -> QuerySet[Alarm]:
        """Start from all of them."""
        return alarms()

    @extend_schema(operation_id="settle_alarm", request=SettlingForm, responses={201: AlarmSerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Settle an alarm that you looked into and had no part in; what was done by hand is recorded instead."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Settle it."""
        found, asked = self.get_object(), validated(SettlingForm, request.data)
        settle_alarm(alarm_id=found.pk, user=self.person, by=actor_of(request), at=timezone.now(), **asked)
        data = self.get_serializer(alarms().get(pk=found.pk)).data
        return created(data, location=data["url"])
