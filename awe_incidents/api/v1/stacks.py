"""Stacks: which deployments are under care. Descriptions are applied by `manage.py apply_stack`."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.mixins import RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.choices import VANTAGES
from awe_incidents.api.v1.links import link
from awe_incidents.api.views import ListView, ScopedView
from diagnostics.models import Stack
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


class StackSerializer(serializers.ModelSerializer[Stack]):
    """A stack without the particulars of its description."""

    url = serializers.SerializerMethodField()
    vantage = serializers.ChoiceField(source="document.vantage", choices=VANTAGES, read_only=True)
    description = serializers.SerializerMethodField()
    services = serializers.SerializerMethodField()
    emergency_contacts = serializers.SerializerMethodField()

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


class StackList(ListView):
    """Stacks under care."""

    queryset = Stack.objects.all()
    serializer_class = StackSerializer
    scopes: ClassVar = {"GET": Scope.STACKS_READ}

    @extend_schema(operation_id="list_stacks")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List the stacks."""
        return self.list(request, *args, **kwargs)


class StackDetail(RetrieveModelMixin, ScopedView):
    """One stack."""

    queryset = Stack.objects.all()
    serializer_class = StackSerializer
    lookup_field = lookup_url_kwarg = "name"
    scopes: ClassVar = {"GET": Scope.STACKS_READ}

    @extend_schema(
        operation_id="get_stack", parameters=[OpenApiParameter("name", NAME, location=OpenApiParameter.PATH)]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one stack."""
        return self.retrieve(request, *args, **kwargs)
