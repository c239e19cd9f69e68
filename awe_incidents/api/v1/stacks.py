"""Stacks: which deployments are under care. Descriptions are applied by `manage.py apply_stack`."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.views import ScopedView
from diagnostics.models import Stack


class StackSerializer(serializers.ModelSerializer[Stack]):
    """A stack without the particulars of its description."""

    url = serializers.HyperlinkedIdentityField(view_name="api:stack", lookup_field="name", lookup_url_kwarg="name")
    vantage = serializers.CharField(source="document.vantage", read_only=True)
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

    def get_description(self, stack: Stack) -> str:
        """Give the description's own words."""
        return str(stack.document.get("description", ""))

    def get_services(self, stack: Stack) -> list[str]:
        """Give the names of the services."""
        return sorted(stack.document["services"])

    def get_emergency_contacts(self, stack: Stack) -> list[dict[str, str]]:
        """Give whom to call."""
        return list(stack.document.get("emergency_contacts", []))


class StackList(ListModelMixin, ScopedView):
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

    @extend_schema(operation_id="get_stack")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Give one stack."""
        return self.retrieve(request, *args, **kwargs)
