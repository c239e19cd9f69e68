"""Freezes: times in which nothing starts on a stack; set, listed, and lifted early."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.fields import Fields, Moment, StackNamed, Text, WholeNumber
from awe_incidents.api.kept import validated
from awe_incidents.api.parameters import PageParameters
from awe_incidents.api.v1.links import link
from awe_incidents.api.v1.recovery_forms import Why
from awe_incidents.api.v1.report_forms import MAX_REASON
from awe_incidents.api.views import NOT_REDACTED, CreateView, ListView, ScopedView, created
from awe_incidents.recovery.errors import AlreadyLifted, ReasonRequired, RoleRequired, TimesNotAllowed
from awe_incidents.recovery.freezes import Freeze
from awe_incidents.recovery.operations import freeze_stack, lift_freeze
from awe_incidents.recovery.queries import freezes


class FreezeSerializer(serializers.ModelSerializer[Freeze]):
    """A time in which nothing starts."""

    url = serializers.SerializerMethodField()
    stack = serializers.CharField(source="stack.name", read_only=True)
    from_tier = serializers.IntegerField(min_value=0, max_value=3, read_only=True, help_text="And every tier above.")
    set_by = serializers.CharField(source="person.username", read_only=True)
    lifted_by = serializers.SerializerMethodField()

    class Meta:
        model = Freeze
        fields = [
            "id",
            "url",
            "stack",
            "from_tier",
            "starts_at",
            "ends_at",
            "set_by",
            "set_at",
            "because",
            "lifted_at",
            "lifted_by",
            "lifted_because",
        ]
        read_only_fields = fields

    def get_url(self, row: Freeze) -> str:
        """Give its address."""
        return link(self.context["request"], "freeze", id=row.pk)

    def get_lifted_by(self, row: Freeze) -> str:
        """Give who lifted it, empty where nobody did."""
        return row.lifted_by.username if row.lifted_by else ""


@extend_schema_serializer(component_name="FreezeSet")
class FreezeForm(Fields):
    """On what, for how long, and why."""

    stack = StackNamed()
    from_tier = WholeNumber(required=False, default=0, min_value=0, max_value=3, help_text="And above; 0 is all.")
    starts_at = Moment(required=False, allow_null=True, default=None, help_text="Now where left out.")
    ends_at = Moment()
    because = Why(max_length=MAX_REASON)


@extend_schema_serializer(component_name="FreezeLifting")
class LiftingForm(Fields):
    """Why it ends early."""

    because = Why(max_length=MAX_REASON)


class StackParameters(PageParameters):
    """Of which stack."""

    stack = Text(required=False, max_length=63)


class FreezeList(ListView, CreateView):
    """Freezes."""

    serializer_class = FreezeSerializer
    scopes: ClassVar = {"GET": Scope.RECOVERY_READ, "POST": Scope.RECOVERY_REQUEST}
    parameters: ClassVar = {"GET": StackParameters}
    filters: ClassVar = {"stack": "stack_id"}
    refusals: ClassVar = {"POST": (RoleRequired, ReasonRequired, TimesNotAllowed, *NOT_REDACTED)}

    def get_queryset(self) -> QuerySet[Freeze]:
        """Start from all of them."""
        return freezes()

    @extend_schema(operation_id="list_freezes")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List freezes, newest first, also those that are over."""
        return self.list(request, *args, **kwargs)

    @extend_schema(operation_id="freeze_stack", request=FreezeForm, responses={201: FreezeSerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Let nothing start on a stack for a time; what is approved waits, and a break-glass does not."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Set it."""
        asked = validated(FreezeForm, request.data)
        made = freeze_stack(user=self.person, by=actor_of(request), at=timezone.now(), **asked)
        data = self.get_serializer(made).data
        return created(data, location=data["url"])


class FreezeDetail(RetrieveModelMixin, ScopedView):
    """One freeze."""

    serializer_class = FreezeSerializer
    scopes: ClassVar = {"GET": Scope.RECOVERY_READ}

    def get_queryset(self) -> QuerySet[Freeze]:
        """Start from all of them."""
        return freezes()

    @extend_schema(operation_id="get_freeze")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one freeze."""
        return self.retrieve(request, *args, **kwargs)


class FreezeLifting(CreateView):
    """The early end of a freeze."""

    serializer_class = FreezeSerializer
    scopes: ClassVar = {"POST": Scope.RECOVERY_REQUEST}
    refusals: ClassVar = {"POST": (RoleRequired, ReasonRequired, AlreadyLifted, *NOT_REDACTED)}

    def get_queryset(self) -> QuerySet[Freeze]:
        """Start from all of them."""
        return freezes()

    @extend_schema(operation_id="lift_freeze", request=LiftingForm, responses={201: FreezeSerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Lift a freeze before its end; what waits for it starts within seconds."""
        return super().post(request, *args, **kwargs)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Lift it."""
        found, asked = self.get_object(), validated(LiftingForm, request.data)
        lifted = lift_freeze(freeze=found, user=self.person, by=actor_of(request), at=timezone.now(), **asked)
        data = self.get_serializer(lifted).data
        return created(data, location=data["url"])
