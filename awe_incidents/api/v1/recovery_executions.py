"""What an execution says while it goes, and what it made for its requester's eyes."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from awe_incidents.accounts.roles import Scope
from awe_incidents.api.authentication import actor_of
from awe_incidents.api.pagination import OldestFirst
from awe_incidents.api.views import ListView, ScopedView
from awe_incidents.recovery.errors import NotRequester, RoleRequired, SecretGone, TransitionNotAllowed
from awe_incidents.recovery.models import OutputChunk
from awe_incidents.recovery.operations import show_secret
from awe_incidents.recovery.queries import output_of, requests
from diagnostics.errors import SecretUnreadable


class OutputSerializer(serializers.ModelSerializer[OutputChunk]):
    """A piece of output, redacted."""

    step = serializers.CharField(read_only=True, help_text="Key of the step that said it; empty beside the steps.")

    class Meta:
        model = OutputChunk
        fields = ["number", "step", "text", "sha256", "recorded_at"]
        read_only_fields = fields


class ExecutionOutput(ListView):
    """The output of a request's execution."""

    serializer_class = OutputSerializer
    pagination_class = OldestFirst
    scopes: ClassVar = {"GET": Scope.RECOVERY_READ}

    def get_queryset(self) -> QuerySet[OutputChunk]:
        """Start from the request's execution; before there is one, nothing was said."""
        if getattr(self, "swagger_fake_view", False):
            return OutputChunk.objects.none()
        request = get_object_or_404(requests(), pk=self.kwargs["id"])
        execution = getattr(request, "execution", None)
        return output_of(execution) if execution else OutputChunk.objects.none()

    @extend_schema(operation_id="list_execution_output")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List what was said, in order; poll the last page with If-None-Match."""
        return self.list(request, *args, **kwargs)


class SecretShown(serializers.Serializer[Any]):
    """A secret, for the only time."""

    secret = serializers.CharField(read_only=True, help_text="Kept nowhere from now on.")


class ExecutionSecret(ScopedView):
    """What an execution made for its requester; no Idempotency-Key is taken, as answers to those are kept."""

    serializer_class = SecretShown
    scopes: ClassVar = {"POST": Scope.RECOVERY_REQUEST}
    refusals: ClassVar = {"POST": (RoleRequired, NotRequester, TransitionNotAllowed, SecretGone, SecretUnreadable)}

    @extend_schema(operation_id="show_recovery_secret", request=None, responses={200: SecretShown})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Show the one-time secret to who asked for the action, once; an answer that is lost takes a new request."""
        found = get_object_or_404(requests(), pk=self.kwargs["id"])
        secret = show_secret(request=found, user=self.person, by=actor_of(request), at=timezone.now())
        return Response({"secret": secret}, headers={"Cache-Control": "no-store"})
